-- Why mpv took the filter out, from what it logged, in words and with the remedy. No player needed.
--
-- mpv plays on without a filter that fails and says so in its log alone. The lines of VapourSynth are Python's traceback;
-- the line that begins with "vsmagic: " is written for people.

local refusal = {}

refusal.GONE = "Disabling filter vsmagic because it has failed"  -- mpv's own line, after the filter's label

local NO_FILTER = "This mpv has no VapourSynth filter. For sharper pictures without it: vsmagic mpv install --shaders-only"
local NO_SCRIPT = "mpv cannot start VapourSynth. Start it with: vsmagic mpv run FILE, or set VSSCRIPT_PATH to the output "
    .. "of: vapoursynth get-vsscript"
local NO_MODULE = "mpv runs another Python than the one that has vsmagic. Start it with: vsmagic mpv run FILE"
local ODD_SIZE = "The picture has an odd width or height, which VapourSynth cannot take from mpv"
local NO_DOWNLOAD = "Hardware decoding keeps the pictures on the graphics card. Set hwdec=auto-copy in mpv.conf"

local KNOWN = {
    {"Could not initialize VapourSynth scripting", "machine", NO_SCRIPT},
    {"Could not get vapoursynth API handle", "machine", NO_SCRIPT},
    {"[Nn]o module named '?vsmagic", "machine", NO_MODULE},
    {"has no vsmagic", "machine", NO_MODULE},
    {"No module named '?vapoursynth", "machine", NO_SCRIPT},
    {"does not allow unaligned", "file", ODD_SIZE},
    {"cannot copy surface of this format", "file", NO_DOWNLOAD},
}

local function trimmed(text)
    return (text:gsub("^%s+", ""):gsub("%s+$", ""))
end

local function known(lines)
    for _, line in ipairs(lines) do
        for _, entry in ipairs(KNOWN) do
            if line:find(entry[1]) then
                return {kind = entry[2], sentence = entry[3]}
            end
        end
    end
end

local function own_words(lines)
    for n = #lines, 1, -1 do
        local said = lines[n]:match("vsmagic: (.+)")
        if said and not lines[n]:find("^%s*raise ") and not lines[n]:find("^%s*File ") then
            return trimmed(said)
        end
    end
end

local function last_words(lines)
    for n = #lines, 1, -1 do
        local line = trimmed(lines[n])
        local marker = line:find("^could not init VS") or line:find("^failed, no action") or line:find("^[%^~]+$")
        if line ~= "" and not marker then
            return line
        end
    end
    return "the filter failed without a word"
end

-- Return {kind, sentence}. kind: "preparing": it only has to be made ready first; "machine": no profile can run in this
-- mpv; "file": this file cannot be filtered; "profile": that profile is at fault.
function refusal.of(lines)
    local said = own_words(lines)
    local waiting = said and said:match("^not ready: (.+)")
    if waiting then
        return {kind = "preparing", sentence = waiting}
    end
    local found = known(lines)
    if found then
        return found
    end
    return {kind = "profile", sentence = said or last_words(lines)}
end

-- What to say where mpv does not know the filter at all.
function refusal.no_filter()
    return {kind = "machine", sentence = NO_FILTER}
end

return refusal
