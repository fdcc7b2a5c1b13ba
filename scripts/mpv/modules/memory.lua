-- What is remembered of a viewer's choices, as plain data. No player needed.
--
-- Names of files are not stored: a file is known by a number made of its path, from which the path cannot be read back
-- (whoever already knows a path can see whether it is there).

local memory = {}

local MOST = 1000                      -- files remembered; the longest unused go first
local PRIMES = {2147483629, 2147483587}  -- two sums modulo primes below 2^31: exact in every Lua's numbers
local BASES = {257, 8191}

-- Return 16 hexadecimal digits that stand for a path.
function memory.key(path)
    local sums = {1, 1}
    for n = 1, #path do
        local byte = path:byte(n) + 1
        for k = 1, 2 do
            sums[k] = (sums[k] * BASES[k] + byte) % PRIMES[k]
        end
    end
    return string.format("%08x%08x", sums[1], sums[2])
end

function memory.empty()
    return {version = 1, files = {}}
end

-- Return stored data where it is what this version writes, else nothing remembered.
function memory.checked(data)
    if type(data) ~= "table" or data.version ~= 1 or type(data.files) ~= "table" then
        return memory.empty()
    end
    return data
end

local function oldest(files)
    local found, count = nil, 0
    for key, entry in pairs(files) do
        count = count + 1
        if not found or (entry.used or 0) < (files[found].used or 0) then
            found = key
        end
    end
    return found, count
end

-- Note a choice {profile, motion}, for a file or for all; `now` is a calendar time in seconds.
function memory.note(data, how, path, choice, now)
    local entry = {profile = choice.profile, motion = choice.motion, used = now}
    if how == "always" then
        data.always = entry
        return
    end
    data.files[memory.key(path)] = entry
    local old, count = oldest(data.files)
    if count > MOST then
        data.files[old] = nil
    end
end

-- Return the choice for a path, nil where there is none.
function memory.recalled(data, how, path)
    if how == "always" then
        return data.always
    end
    return data.files[memory.key(path)]
end

return memory
