-- What a viewer can press. Every binding has a name, so that input.conf can put it on another key.

local choose = require "choose"
local decision = require "decision"
local measuring = require "measuring"
local osd = require "osd"
local pace = require "pace"
local page = require "page"
local playing = require "playing"
local preparing = require "preparing"
local recall = require "recall"
local session = require "session"
local settings = require "settings"

local keys = {}

local HELD = 0.4  -- seconds; a key pressed for longer counts as held

local options, profiles

local function chosen(changes, said)
    session.want(changes, said)
    if session.file then
        recall.note(session, session.file.path)
    end
end

local function title_of(name)
    local picture = choose.named(profiles.pictures, name)
    return picture and picture.title or name
end

-- Say what a wish came to: the profile, or why it is not to be seen.
local function outcome(name)
    local wanted = name == "auto" and "automatic" or title_of(name)
    if not session.option then
        return wanted .. ": " .. session.why
    elseif name == "auto" or session.option.picture and session.option.picture.name ~= name then
        return wanted .. ": " .. session.option.title
    end
    return session.option.title
end

local function profile(name)
    chosen({profile = name}, false)
    if not session.unfit then
        osd.say(name == "off" and "off" or outcome(name))
    end
end

local function toggle()
    if session.wish.profile == "off" then
        profile(session.last_on)
    else
        session.last_on = session.wish.profile
        profile("off")
    end
end

-- Return the names to go through: auto, then every profile that is on this machine.
local function names()
    local found = {"auto"}
    for _, picture in ipairs(profiles.pictures) do
        if not session.lacking(picture.name) then
            found[#found + 1] = picture.name
        end
    end
    return found
end

local function step(by)
    local list, at = names(), 1
    for n, name in ipairs(list) do
        if name == session.wish.profile then
            at = n
        end
    end
    profile(list[(at - 1 + by) % #list + 1])
end

local function motion(name)
    chosen({motion = name}, false)
    if session.unfit then
        return
    elseif name == "off" then
        osd.say("no frames in between")
    elseif session.option and session.option.motion then
        osd.say(session.option.title)
    else
        osd.say("no frames in between: " .. (session.option and decision.no_motion(session) or session.why))
    end
end

local function toggle_motion()
    local on = options.motion ~= "off" and options.motion or "auto"
    motion(session.wish.motion == "off" and on or "off")
end

local function compare(original)
    if not original and not session.original or not session.option and not session.original then
        osd.say("nothing to compare: " .. session.why)
        return
    end
    session.original = original
    session.decide(false)
    osd.say(original and "original" or session.title())
end

local pressed_at

-- A tap goes over and stays; a key that is held goes back when it is let go.
local function compare_key(event)
    if event.event == "down" or event.event == "press" then
        pressed_at = mp.get_time()
        compare(not session.original)
    elseif event.event == "up" and pressed_at and mp.get_time() - pressed_at > HELD and session.original then
        compare(false)
    end
end

local function split()
    if not session.option and not session.split then
        osd.say("nothing to compare: " .. session.why)
        return
    end
    session.split = not session.split
    session.decide(false)
    local side = playing.left_half()
    osd.say(session.split and side .. " as it was, " .. osd.OPPOSITE[side] .. " enhanced" or session.title())
end

local function state()
    local option = session.option
    local playing_video = session.file and session.file.kind == "video"
    local at = playing_video and decision.place(session)
    local out = mp.get_property_native("video-out-params")
    local job = preparing.working()
    return {
        title = session.title(), why = session.why, content = session.content, content_why = session.content_why,
        option = option, file = session.file, out = out and out.w and {width = out.w, height = out.h},
        display_rate = playing.display_rate(), fps = session.fps, need = option and at and choose.need(option, at),
        pace = session.judge.rate, steady = pace.steady(session.judge, mp.get_time()), sample = session.sample,
        lowered = session.lowered, measurement = measuring.state,
        preparation = job and string.format("%s, %d %%, %s", job.option.title, job.share * 100, job.what),
    }
end

local function draw()
    osd.page(page.rows(state()))
end

local refresh = mp.add_periodic_timer(1, draw, true)

local function statistics()
    if refresh:is_enabled() then
        refresh:kill()
        osd.page()
    else
        refresh:resume()
        draw()
    end
end

-- Return a function for a message that names one of a list; another name is told, and changes nothing.
local function one_of(names, what, fn)
    return function(name)
        for _, known in ipairs(names) do
            if name == known then
                fn(name)
                return
            end
        end
        osd.problem(string.format("%s=%s is not known; expected %s", what, name or "", table.concat(names, ", ")))
    end
end

-- Bind the keys, and listen to the same names as script messages.
function keys.bind(values, known)
    options, profiles = values, known
    mp.add_key_binding(options.key_toggle, "toggle", toggle)
    mp.add_key_binding(options.key_next, "next", function() step(1) end)
    mp.add_key_binding(options.key_previous, "previous", function() step(-1) end)
    mp.add_key_binding(options.key_compare, "compare", compare_key, {complex = true})
    mp.add_key_binding(options.key_split, "split", split)
    mp.add_key_binding(options.key_motion, "motion-toggle", toggle_motion)
    mp.add_key_binding(options.key_statistics, "statistics", statistics)
    mp.register_script_message("profile", one_of(settings.profiles(profiles), "profile", profile))
    mp.register_script_message("motion", one_of(settings.motions(profiles), "motion", motion))
    session.listen(function()
        if refresh:is_enabled() then
            draw()
        end
    end)
end

return keys
