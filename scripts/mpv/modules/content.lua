-- Live pictures or animation: told by what the file says of itself, never by looking at it. No player needed.

local content = {}

local GENRES = {"anime", "animation", "animated", "cartoon"}
local FOLDERS = {anime = true, animation = true, animations = true, animes = true, cartoon = true, cartoons = true}
local SUBTITLES = {ass = true, ssa = true}

local function genre_of(tags)
    for key, value in pairs(tags or {}) do
        local name = tostring(key):lower()
        if name == "genre" or name == "content_type" or name == "keywords" then
            for _, word in ipairs(GENRES) do
                if tostring(value):lower():find(word, 1, true) then
                    return "its genre is " .. tostring(value)
                end
            end
        end
    end
end

local function folder_of(path)
    for folder in path:gmatch("([^/\\]+)[/\\]") do
        if FOLDERS[folder:lower()] then
            return "it lies in a folder named " .. folder
        end
    end
end

-- Releases of animation are named [Group] Title - 01 [1080p][A1B2C3D4].mkv.
local function named_as_release(name)
    local group = name:match("^%[[^%]]*%a[^%]]*%][ _]")
    local episode = name:match("[ _]%-[ _]%d%d%d?[ _v%[%(%.]") or name:match("[ _]%d%d%d?[ _]?[%[%(]")
    local checksum = name:match("%[%x%x%x%x%x%x%x%x%]")
    if group and (episode or checksum) then
        return "it is named as releases of animation are"
    elseif name:lower():find("%f[%a]anime%f[%A]") then
        return "its name says anime"
    end
end

-- Japanese sound with typeset subtitles for others is how animation is spread, and hardly anything else.
local function spoken_japanese(tracks)
    local japanese, typeset
    for _, track in ipairs(tracks or {}) do
        local language = (track.lang or ""):lower():sub(1, 2)
        if track.type == "audio" and language == "ja" or track.type == "audio" and track.lang == "jpn" then
            japanese = true
        elseif track.type == "sub" and SUBTITLES[track.codec] and language ~= "ja" then
            typeset = true
        end
    end
    return japanese and typeset and "Japanese sound with typeset subtitles" or nil
end

-- Return "animation" or "live", and why.
--   file: {path, name, tags (a table of strings), tracks (mpv's track-list)}
--   wish: "auto", or what a person said it is
function content.of(file, wish)
    if wish ~= "auto" then
        return wish, "set by you"
    end
    local why = genre_of(file.tags) or folder_of(file.path or "") or named_as_release(file.name or "")
        or spoken_japanese(file.tracks)
    if why then
        return "animation", why
    end
    return "live", "nothing says animation"
end

return content
