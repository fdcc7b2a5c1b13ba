-- What mpv tells of the file it plays, as plain data.

local rates = require "rates"

local playing = {}

local number = mp.get_property_number

local TURNED = {[90] = true, [270] = true}
local SIDES = {[0] = "left", [90] = "top", [180] = "right", [270] = "bottom"}
local INTERLACED_CODECS = {h264 = true, hevc = true, mpeg2video = true, mpeg1video = true, vc1 = true, wmv3 = true,
                           dvvideo = true, prores = true, mjpeg = true, rawvideo = true, ffv1 = true, mpeg4 = true}
-- Codecs of which mpv does not always know the pixels' format before the first frame, and that may be black-and-white.
local GRAY_CODECS = {ffv1 = true, mjpeg = true, png = true, rawvideo = true, huffyuv = true, ffvhuff = true,
                     utvideo = true, jpeg2000 = true}
-- Pixels that mpv turns into "yuvj422p" for its filter, which ends mpv itself.
local GRAY = {gray = true, ya8 = true, monow = true, monob = true}
local USUAL_RATE = 30  -- frames a second, taken until a file without a rate has shown some frames

local function video_track(tracks)
    local first
    for _, track in ipairs(tracks) do
        if track.type == "video" then
            if track.selected then
                return track
            end
            first = first or track
        end
    end
    return first
end

local function deinterlacing()
    local active = mp.get_property_native("deinterlace-active")
    if active ~= nil then
        return active
    end
    return mp.get_property("deinterlace") == "yes"
end

playing.deinterlacing = deinterlacing

-- Return frames a second that reach the filter, and whether the file or its frames say so.
local function rate_of(track, factor)
    local fps = track["demux-fps"]
    local container = number("container-fps")
    for _, rate in ipairs {container or 0, fps or 0} do
        if rates.sane(rate) then
            return rate * (deinterlacing() and 2 or 1), true
        end
    end
    local seen = number("estimated-vf-fps")
    if rates.sane(seen) and (number("estimated-frame-number") or 0) > 10 then
        return seen / factor, true
    end
    return USUAL_RATE, false
end

-- Return size (as decoded), or nil where it is not known yet.
local function size_of(track)
    local now = mp.get_property_native("video-params")
    local width, height = track["demux-w"], track["demux-h"]
    if track.selected and now and now.w then
        width, height = now.w, now.h
    end
    if width and height and width > 0 and height > 0 then
        return width, height, TURNED[now and now.rotate or track["demux-rotation"] or 0] or false
    end
end

-- Return on which side of the screen the left half of a frame is: mpv turns pictures after its filters.
function playing.left_half()
    return SIDES[number("video-params/rotate") or 0] or "left"
end

-- Return pixels that can be seen: of the display, since a window can be made as large; nil where it is not known.
local function display()
    local width, height = number("display-width"), number("display-height")
    if width and height and width > 0 and height > 0 then
        return {width = width, height = height}
    end
end

-- Return the display's frames a second, nil where they are not known (mpv says 0 or no number then).
function playing.display_rate()
    local rate = number("display-fps-override") or number("display-fps")
    return rates.sane(rate) and rate or nil
end

-- Say whether frames of this kind are interlaced often enough to look at one before they are filtered.
local function may_be_interlaced(track, height, rate)
    local broadcast = height == 480 or height == 486 or height == 576 or height >= 1080 and height <= 1088
    local film = rate < 24.5
    return INTERLACED_CODECS[track.codec] and (broadcast and not film or track.codec == "mpeg2video")
end

-- Return the format of the pixels as far as it is known.
local function pixels(track)
    return mp.get_property("video-params/pixelformat") or track["format-name"]
end

-- Say whether the picture is black-and-white of 8 bits or fewer.
function playing.gray()
    return GRAY[mp.get_property("video-params/pixelformat")] or false
end

-- Return what plays: {kind = "none"|"image"|"video", path, name, tags, tracks} and of a video also width, height, turned,
-- rate, rate_known, display, gray, doubtful. `factor`: how many frames our filter makes of one now.
function playing.now(factor)
    local tracks = mp.get_property_native("track-list") or {}
    local track = video_track(tracks)
    local file = {
        kind = "none", path = mp.get_property("path") or "", name = mp.get_property("filename") or "",
        tags = mp.get_property_native("metadata"), tracks = tracks,
    }
    if not track or mp.get_property("vid") == "no" then
        return file
    elseif track.image or track.albumart then
        file.kind = "image"
        return file
    end
    file.width, file.height, file.turned = size_of(track)
    if not file.width then
        return file
    end
    file.kind = "video"
    file.rate, file.rate_known = rate_of(track, factor)
    file.display = display()
    local format = pixels(track)
    file.gray = GRAY[format] or false
    file.doubtful = may_be_interlaced(track, file.height, file.rate) or not format and GRAY_CODECS[track.codec] or false
    return file
end

-- Say whether the frame on the screen is interlaced and nothing changes that.
function playing.interlaced()
    return mp.get_property_native("video-frame-info/interlaced") == true and not deinterlacing()
end

-- Say whether the display shows more pixels than the picture has.
function playing.can_be_enlarged(file)
    if not file.display then
        return true
    end
    local width, height = file.width, file.height
    if file.turned then
        width, height = height, width
    end
    return math.min(file.display.width / width, file.display.height / height) > 1.01
end

local function underrun()
    local cache = mp.get_property_native("demuxer-cache-state")
    return cache and cache.underrun or false
end

-- Return a sample for pace.feed.
function playing.sample()
    local busy = mp.get_property_bool("core-idle") or mp.get_property_bool("pause") or mp.get_property_bool("seeking")
        or mp.get_property_bool("paused-for-cache") or mp.get_property_bool("eof-reached")
    return {
        busy = busy or underrun(),
        position = number("time-pos"), speed = number("speed") or 1, sync = number("avsync"),
        drops = (number("frame-drop-count") or 0) + (number("decoder-frame-drop-count") or 0)
            + (number("vo-delayed-frame-count") or 0),
        rate = number("estimated-vf-fps") or 0, now = mp.get_time(),
    }
end

return playing
