-- Small JSON files, read and written whole.

local utils = require "mp.utils"
local json = require "json"

local files = {}

local OLD = 2 * 24 * 3600  -- seconds: no film and no preparation lasts that long

-- Return what a JSON file holds; nil and why where it cannot be read.
function files.read(path)
    local file, why = io.open(path, "rb")
    if not file then
        return nil, why
    end
    local text = file:read("*a")
    file:close()
    local data = utils.parse_json(text or "")
    if data == nil then
        return nil, path .. " is not JSON"
    end
    return data
end

local function replace(from, to)
    local windows = package.config:sub(1, 1) == "\\"
    if windows then
        os.remove(to)  -- it does not rename over a file
    end
    local done, why = os.rename(from, to)
    if not done then
        os.remove(from)
    end
    return done, why
end

-- Write a JSON file: it is there whole, or as it was. Returns nil and why where it cannot be written.
function files.write(path, data)
    local part = path .. "." .. utils.getpid() .. ".part"
    local file, why = io.open(part, "wb")
    if not file then
        return nil, why
    end
    local written = file:write(json.text(data), "\n")
    local closed = file:close()
    if not (written and closed) then
        os.remove(part)
        return nil, "cannot write " .. part
    end
    return replace(part, path)
end

-- Return a path of mpv's own for a file that lasts, nil where mpv has no folder (--no-config).
function files.lasting(name)
    for _, place in ipairs {"~~state/", "~~home/"} do
        local folder = mp.command_native({"expand-path", place})
        local absolute = type(folder) == "string" and (folder:sub(1, 1) == "/" or folder:match("^%a:"))
        if absolute and utils.file_info(folder) then
            return utils.join_path(folder, name)
        end
    end
end

local function passing_folder()
    return os.getenv("TMPDIR") or os.getenv("TEMP") or "/tmp"
end

-- Return a path for a file that is needed while this mpv runs.
function files.passing(name)
    return utils.join_path(passing_folder(), string.format("vsmagic-%d-%s", utils.getpid(), name))
end

-- Remove what an mpv that ended long ago left: one that crashed, or a preparation that outlived it.
function files.sweep()
    for _, name in ipairs(utils.readdir(passing_folder(), "files") or {}) do
        local path = utils.join_path(passing_folder(), name)
        local info = name:match("^vsmagic%-%d+%-") and utils.file_info(path)
        if info and os.time() - info.mtime > OLD then
            os.remove(path)
        end
    end
end

return files
