-- Tells the filter's script where an exact seek ends: frames before that are thrown away by mpv, and need no network.
--
-- mpv says so only in its log (level v): "hr-seek, skipping to 12.345 (backstep)". What is told is a file, "[COUNT, SECONDS]",
-- in which the count grows with every word; see vsmagic/mpv/seeking.py, which reads it.

local files = require "files"

local seeks = {}

local BACKSTEP = 0.5 -- seconds before the end of a step back: what is shown lies before it
local LAST = 1       -- seconds before a file's end: a seek beyond it shows the last frame

local function tell(self, moment)
    self.count = self.count + 1
    self.moment = moment
    files.write(self.path, {self.count, moment})
end

-- Where the seek that this line of the log tells of ends, in seconds; nil for other lines.
function seeks.ends(text)
    local moment, more = text:match("^hr%-seek, skipping to ([%d.]+)(.*)")
    moment = tonumber(moment)
    if moment and more:find("backstep", 1, true) then
        moment = moment - BACKSTEP
    end
    return moment
end

-- Begin to tell, into a file. `wrong` is called where a frame is shown that was only passed over: the filter has to be
-- added anew.
function seeks.start(path, wrong)
    local self = {path = path, count = 0}
    tell(self)
    mp.enable_messages("v")
    mp.register_event("log-message", function(message)
        local moment = message.prefix == "cplayer" and seeks.ends(message.text)
        if moment then
            local duration = mp.get_property_number("duration")
            tell(self, duration and math.min(moment, duration - LAST) or moment)
        end
    end)
    mp.register_event("playback-restart", function()
        local expected = self.moment
        tell(self)
        local shown = mp.get_property_number("time-pos")
        if expected and shown and shown < expected - 0.02 then
            wrong()
        end
    end)
    return self
end

-- What the filter's script has to know: the file, and the last word that is over.
function seeks.known(self)
    return self.path, self.count
end

return seeks
