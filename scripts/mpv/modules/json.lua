-- JSON text with its keys in order, so that the same chain is the same text every time. No player needed.

local json = {}

local escapes = {['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r",
                 ["\t"] = "\\t"}

local function quoted(text)
    local safe = text:gsub('[%c"\\]', function(c)
        return escapes[c] or string.format("\\u%04x", c:byte())
    end)
    return '"' .. safe .. '"'
end

local function number(value)
    if value ~= value or value == math.huge or value == -math.huge then
        error("JSON has no text for " .. tostring(value))
    end
    if value == math.floor(value) and math.abs(value) < 2 ^ 53 then
        return string.format("%d", value)
    end
    return string.format("%.14g", value)
end

local function sorted_keys(map)
    local keys = {}
    for key in pairs(map) do
        keys[#keys + 1] = key
    end
    table.sort(keys)
    return keys
end

-- Return a value as JSON. A table with a first element is a list, an empty one is one too.
function json.text(value)
    local kind = type(value)
    if kind == "string" then
        return quoted(value)
    elseif kind == "number" then
        return number(value)
    elseif kind ~= "table" then
        return tostring(value)
    end
    local parts = {}
    if value[1] ~= nil or next(value) == nil then
        for n, item in ipairs(value) do
            parts[n] = json.text(item)
        end
        return "[" .. table.concat(parts, ",") .. "]"
    end
    for n, key in ipairs(sorted_keys(value)) do
        parts[n] = quoted(key) .. ":" .. json.text(value[key])
    end
    return "{" .. table.concat(parts, ",") .. "}"
end

return json
