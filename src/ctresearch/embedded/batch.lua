-- Many texts, one pandoc: a JSON list of {format, text} in, the JSON list of their trees out.
local trees = {}
for number, job in ipairs(pandoc.json.decode(io.read("a"), false)) do
  io.stderr:write("@" .. number .. "\n") -- so that a warning tells which text it speaks of
  trees[number] = pandoc.write(pandoc.read(job.text, job.format), "json")
end
io.write("[" .. table.concat(trees, ",") .. "]")
