-- The script's options: script-opts/vsmagic.conf, or --script-opts=vsmagic-NAME=VALUE. vsmagic-options.conf tells them all.

local options = require "mp.options"
local msg = require "mp.msg"

local settings = {}

local defaults = {
    profile = "auto",
    content = "auto",
    motion = "off",
    remember = "no",
    measure = "idle",
    quit_build = "finish",
    fetch = false,
    backoff = true,
    skip_unseen = true,
    margin = 1.25,
    messages = "all",
    buffered_frames = 0,
    concurrent_frames = 0,
    key_toggle = "Alt+m",
    key_next = "Alt+n",
    key_previous = "Alt+N",
    key_compare = "Alt+a",
    key_split = "Alt+c",
    key_motion = "Alt+f",
    key_statistics = "Alt+i",
    vpy = "",
    speeds = "",
    profiles = "",
    command = "",
}

local choices = {
    content = {"auto", "live", "animation"},
    remember = {"no", "file", "always"},
    measure = {"idle", "now", "no"},
    quit_build = {"finish", "stop"},
    messages = {"all", "problems"},
}

local function must_be(values, name, allowed)
    for _, choice in ipairs(allowed) do
        if values[name] == choice then
            return
        end
    end
    msg.error(string.format("%s=%s is not known; expected %s. %s is taken.", name, values[name],
                            table.concat(allowed, ", "), defaults[name]))
    values[name] = defaults[name]
end

local function names_of(list, more)
    local names = more
    for _, item in ipairs(list) do
        names[#names + 1] = item.name
    end
    return names
end

-- Return what the option profile may be.
function settings.profiles(known)
    return names_of(known.pictures, {"auto", "off"})
end

-- Return what the option motion may be.
function settings.motions(known)
    return names_of(known.motions, {"off", "auto"})
end

-- Read the options.
function settings.read()
    local values = {}
    for name, value in pairs(defaults) do
        values[name] = value
    end
    options.read_options(values, "vsmagic")
    return values
end

-- Replace values that mean nothing by their defaults, and say so. `profiles` is what profile and motion may name.
function settings.check(values, profiles)
    for name, allowed in pairs(choices) do
        must_be(values, name, allowed)
    end
    must_be(values, "profile", settings.profiles(profiles))
    must_be(values, "motion", settings.motions(profiles))
    if values.margin < 1 then
        msg.error(string.format("margin=%s is below 1, the speed that is just enough; 1 is taken.", values.margin))
        values.margin = 1
    end
end

return settings
