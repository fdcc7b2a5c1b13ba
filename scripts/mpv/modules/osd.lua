-- What appears on the screen: short messages, a line of progress, labels of the split screen, the page of statistics.

local msg = require "mp.msg"

local osd = {}

local SECONDS = {change = 2.5, problem = 8}
local HEIGHT = 720  -- units the overlays are laid out in, whatever the window's height

osd.quiet = false  -- only problems are told

local overlays = {}

-- Write text so that nothing in it is taken for a tag.
local function plain(text)
    return (text:gsub("\\", "\\\226\129\160"):gsub("{", "\\{"):gsub("\n", "\\N"))
end

-- Return where the picture begins and ends from the left, and the window ends, in the overlays' units.
local function layout()
    local size = mp.get_property_native("osd-dimensions")
    if not size or size.h == 0 then
        return 0, HEIGHT * 16 / 9, HEIGHT * 16 / 9
    end
    local unit = HEIGHT / size.h
    return size.ml * unit, (size.w - size.mr) * unit, size.w * unit
end

local function show(name, data)
    local overlay = overlays[name]
    if not data then
        if overlay then
            overlay:remove()
            overlays[name] = nil
        end
        return
    end
    if not overlay then
        overlay = mp.create_osd_overlay("ass-events")
        overlay.res_y = HEIGHT
        overlays[name] = overlay
    end
    local _, _, wide = layout()
    if overlay.data ~= data or overlay.res_x ~= wide then
        overlay.data, overlay.res_x = data, wide
        overlay:update()
    end
end

-- Tell a change that somebody asked for or will notice.
function osd.say(text)
    msg.info(text)
    if not osd.quiet then
        mp.osd_message("vsmagic: " .. text, SECONDS.change)
    end
end

-- Tell what went wrong and what helps.
function osd.problem(text)
    msg.warn(text)
    mp.osd_message("vsmagic: " .. text, SECONDS.problem)
end

local STYLE = "{\\bord1.6\\shad0\\fs%d\\1c&HFFFFFF&\\3c&H000000&}"

-- Show how far something in the background is, on the right below messages; nil takes it away.
function osd.progress(text)
    local _, _, wide = layout()
    show("progress", text and string.format("{\\an9\\q2\\pos(%.0f,46)}", wide - 16) .. STYLE:format(20) .. plain(text))
end

-- Places of a name on each side: shares of the picture's width and of the window's height.
local PLACES = {left = {0.25, 0.9}, right = {0.75, 0.9}, top = {0.5, 0.4}, bottom = {0.5, 0.9}}

osd.OPPOSITE = {left = "right", right = "left", top = "bottom", bottom = "top"}

-- Name both halves of the split screen, the first of which is on a side; without a side neither.
function osd.halves(side, one, other)
    if not side then
        show("halves")
        return
    end
    local first, last = layout()
    local function at(where, text)
        local x, y = first + (last - first) * where[1], HEIGHT * where[2]
        return string.format("{\\an8\\q2\\pos(%.0f,%.0f)}", x, y) .. STYLE:format(24) .. plain(text)
    end
    show("halves", at(PLACES[side], one) .. "\n" .. at(PLACES[osd.OPPOSITE[side]], other))
end

-- Show rows of {label, value} as a page; nil takes it away.
function osd.page(rows)
    if not rows then
        show("page")
        return
    end
    local lines = {"{\\b1\\fs26}vsmagic{\\b0\\fs21}"}
    for _, row in ipairs(rows) do
        lines[#lines + 1] = "{\\b1}" .. plain(row[1]) .. ":{\\b0} " .. plain(row[2])
    end
    show("page", "{\\an7\\pos(24,70)}" .. STYLE:format(21) .. table.concat(lines, "\\N"))
end

-- Take everything away.
function osd.clear()
    for name in pairs(overlays) do
        show(name)
    end
end

return osd
