-- Where things are: installation.json beside the script, written by `vsmagic mpv install`; without it, a checkout.

local utils = require "mp.utils"
local files = require "files"

local installation = {}

local function words(text)
    local found = {}
    for word in text:gmatch("%S+") do
        found[#found + 1] = word
    end
    return found
end

-- Return {command, version, speeds, vpy, profiles}. command: the words that start vsmagic; version: nil in a checkout;
-- speeds: path of the speed table, nil where it is not known.
function installation.find(folder, options)
    local said = files.read(utils.join_path(folder, "installation.json")) or {}
    local function chosen(option, name)
        return option ~= "" and option or utils.join_path(folder, name)
    end
    return {
        command = options.command ~= "" and words(options.command) or said.command or {"vsmagic"},
        version = said.version,
        speeds = options.speeds ~= "" and options.speeds or said.speeds,
        vpy = chosen(options.vpy, "vsmagic.vpy"),
    }
end

return installation
