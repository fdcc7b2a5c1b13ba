-- vsmagic in mpv: better pictures while you watch.
--
-- When a file opens, the best profile that this machine was measured to show in real time is put into the list of
-- filters under the label "vsmagic" (modules/session.lua decides, modules/choose.lua chooses). While it plays, four looks a
-- second tell whether playback keeps up (modules/pace.lua); where it does not, a faster profile takes over before it
-- stutters, or none (modules/backoff.lua). What a profile needs first (an engine, a model) is made in the background
-- (modules/preparing.lua), as is the measurement of this machine (modules/measuring.lua). Taking the filter out leaves
-- mpv as it was.
--
-- Keys, to be changed in script-opts/vsmagic.conf, or in input.conf by their names:
--
--   Alt+m  vsmagic/toggle       on and off
--   Alt+n  vsmagic/next         next profile; Alt+N vsmagic/previous
--   Alt+a  vsmagic/compare      the original and back; as long as the key is held, or until it is pressed again
--   Alt+c  vsmagic/split        the left half of the picture as it was
--   Alt+f  vsmagic/motion-toggle  frames in between on and off
--   Alt+i  vsmagic/statistics   what is done, why, and how fast
--
-- The same names are script messages: `script-message-to vsmagic next`, and `… profile NAME`, `… motion NAME`.

local utils = require "mp.utils"
local msg = require "mp.msg"

local folder = debug.getinfo(1, "S").source:match("^@?(.*[/\\])") or "./"
package.path = folder .. "modules/?.lua;" .. package.path

if mp.get_script_name() ~= "vsmagic" then
    msg.warn("vsmagic is loaded twice: once of vsmagic mpv install or run, once by hand. This one does nothing.")
    return
elseif not mp.create_osd_overlay then
    msg.error("vsmagic: this mpv is too old; it needs 0.35 or newer.")
    mp.osd_message("vsmagic: this mpv is too old; it needs 0.35 or newer", 8)
    return
end

local backoff = require "backoff"
local files = require "files"
local filter = require "filter"
local installation = require "installation"
local keys = require "keys"
local measuring = require "measuring"
local osd = require "osd"
local pace = require "pace"
local playing = require "playing"
local preparing = require "preparing"
local recall = require "recall"
local refusal = require "refusal"
local seeks = require "seeks"
local session = require "session"
local settings = require "settings"

local LOOK = 0.25          -- seconds between two looks at how playback goes
local LOOKS_TO_ROOM = 20   -- looks between two at whether there is room for something better
local LOOKS_TO_FIELDS = 4  -- looks between two at whether frames are interlaced
local UNRATED = 3          -- seconds after which a file that tells no rate has shown it

local options = settings.read()
local paths = installation.find(folder, options)
local profiles, why_none = files.read(options.profiles ~= "" and options.profiles
                                      or utils.join_path(folder, "profiles.json"))
if not profiles then
    msg.error("profiles.json cannot be read: " .. tostring(why_none) .. ". Install again: vsmagic mpv install")
    mp.osd_message("vsmagic: its profiles are missing. Install again: vsmagic mpv install", 8)
    return
end
settings.check(options, profiles)
osd.quiet = options.messages == "problems"

session.begin(profiles, options, paths)
recall.begin(options)
files.sweep()
preparing.begin(paths, {fetch = options.fetch, stays = options.quit_build == "finish"}, session.prepared)
filter.watch(session.failed)

local seeks_file = files.passing("seeks.json")

-- Tell the script where seeks end, from the first video on.
local function tell_seeks()
    local teller = seeks.start(seeks_file, session.renew)
    session.told = function()
        local path, since = seeks.known(teller)
        return {path = path, since = since}
    end
end

local measuring_told = false

local function measurement(news)
    if news == "under way" and not measuring_told then
        measuring_told = true
        osd.say("measuring how fast this machine is")
    elseif news == "done" then
        session.decide()
    end
end

-- The first video: see whether this mpv can do it at all, and begin to measure.
function session.first()
    if not filter.known() then
        session.unfit = refusal.no_filter().sentence
        osd.problem(session.unfit)
        return
    end
    tell_seeks()
    measuring.begin(paths, {measure = options.measure, stays = options.quit_build == "finish"}, measurement)
end

local function opened(fresh, said)
    session.look(fresh)
    session.decide(said)
end

-- Before a file's first frame: what of the last file's filter does not fit this one goes now. Nothing is put in yet
-- where nothing was: mpv would give the video up if the filter could not start.
mp.add_hook("on_preloaded", 50, function()
    recall.recall(session, mp.get_property("path") or "")
    if filter.present() then
        opened(true, false)
    end
end)

mp.register_event("file-loaded", function()
    opened(true)
end)

mp.register_event("end-file", session.close)

-- At a file's end its tracks go one by one, which is nothing to tell of.
local function changed()
    if session.file and not mp.get_property_bool("playback-abort") then
        opened(false)
    end
end

mp.observe_property("video-params", "native", function(_, params)
    local file = session.file
    if params and params.w and file and (file.kind ~= "video" or params.w ~= file.width or params.h ~= file.height) then
        changed()
    end
end)
for _, name in ipairs {"vid", "deinterlace", "deinterlace-active", "display-fps", "display-width", "display-height"} do
    mp.observe_property(name, "native", changed)
end
mp.observe_property("vf", "native", session.tampered)
for _, name in ipairs {"video-params/rotate", "osd-dimensions"} do
    mp.observe_property(name, "native", session.label)
end

local hurry = mp.add_timeout(0.5, session.other_pace, true)
mp.observe_property("speed", "number", function()
    hurry:kill()
    hurry:resume()
end)

local unrated = mp.add_timeout(UNRATED, function()
    if session.file and not session.file.rate_known then
        changed()
    end
end, true)

mp.register_event("playback-restart", function()
    pace.restart(session.judge, false)
    if session.file and session.file.kind == "video" then
        session.seen(playing.interlaced())
        unrated:kill()
        unrated:resume()
    end
end)

local looks = 0

local function judge(sample)
    local found = pace.feed(session.judge, sample)
    if not options.backoff then
        return
    elseif found then
        session.slow(found)
    elseif looks % LOOKS_TO_ROOM == 0 and backoff.settled(pace.steady(session.judge, sample.now)) then
        session.room()
    end
end

local function look()
    local file = session.file
    if not file or file.kind ~= "video" or session.wish.profile == "off" then
        return
    end
    looks = looks + 1
    local sample = playing.sample()
    session.sample = sample
    if looks % LOOKS_TO_FIELDS == 0 and not sample.busy and not file.interlaced and playing.interlaced() then
        session.seen(true)
    elseif not session.original and (session.option or session.lowered) then
        judge(sample)
    end
end

mp.add_periodic_timer(LOOK, look)

mp.register_event("shutdown", function()
    preparing.finish()
    measuring.finish()
    os.remove(seeks_file)
end)

keys.bind(options, profiles)
