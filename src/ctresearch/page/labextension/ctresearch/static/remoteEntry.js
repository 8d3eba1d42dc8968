// The coding page in JupyterLab: a card in the launcher, a command in the palette, a tab that holds
// the page. Written by hand as the container JupyterLab expects of an extension; nothing to build.

const COMMAND = "ctresearch:code";
const BARS = '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><path fill="#0b7a93" d="M3 4h2v16H3zM7 4h2v9H7zM12 6h9v2h-9zM12 10h7v2h-7zM12 14h9v2h-9z"/></svg>';
let shared; // name of a package → version → how to get JupyterLab's own copy of it

async function ours(name) {
  const [version] = Object.values(shared[name]);
  return (await version.get())();
}

async function plugin() {
  const [{ ILauncher }, { ICommandPalette, MainAreaWidget }, { PageConfig }, { LabIcon }, { Widget }] = await Promise.all(
    ["@jupyterlab/launcher", "@jupyterlab/apputils", "@jupyterlab/coreutils", "@jupyterlab/ui-components", "@lumino/widgets"].map(ours));

  function tab() {
    const frame = document.createElement("iframe");
    Object.assign(frame, { src: `${PageConfig.getBaseUrl()}ctresearch/code/`, title: "Coding page" });
    frame.style.cssText = "width: 100%; height: 100%; border: 0";
    const content = new Widget({ node: document.createElement("div") });
    content.node.dataset.lmSuppressShortcuts = "true";
    content.node.append(frame);
    const widget = new MainAreaWidget({ content });
    Object.assign(widget.title, { label: "Coding", closable: true });
    return widget;
  }

  function activate(app, launcher, palette) {
    const execute = () => app.shell.add(tab(), "main");
    const icon = new LabIcon({ name: COMMAND, svgstr: BARS });
    app.commands.addCommand(COMMAND, { label: "Code interviews", caption: "Open the coding page", icon, execute });
    launcher?.add({ command: COMMAND, category: "Other", rank: 0 });
    palette?.addItem({ command: COMMAND, category: "Research" });
  }

  return { id: "ctresearch:coding", autoStart: true, optional: [ILauncher, ICommandPalette], activate };
}

window._JUPYTERLAB = window._JUPYTERLAB || {};
window._JUPYTERLAB.ctresearch = {
  init: (scope) => void (shared = scope),
  get: async () => {
    const made = await plugin();
    return () => ({ __esModule: true, default: made });
  },
};
