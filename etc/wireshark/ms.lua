-- The messages of ms for Wireshark and tshark: UDP 2900 and 2901 plain, 3000 with the prefix of an mcaster.
--
--     0    4     8       40    44    48      50    52     56     60    64                       88
--     |vers|check|group  |view |auth |sender |type |subj. |subj. |subj.|lists, pointers, length |
--     |    | sum |name   |     |     |gid    |     |gid   |addr  |rank |of data                 |
--     | exclude gids, 2 bytes each | subject gids, 2 bytes each | data                          |
--
-- Copy this file to the directory of personal Lua plugins (Help, About Wireshark, Folders), or say
--
--     tshark -X lua_script:ms.lua -Y 'ms.type == "QUERY"' -i eth0
--
-- Fields are named after those of the wire: ms.group == "ring", ms.sender == 3, ms.checksum.status == "bad".
-- What is malformed is in the expert information.

local ms = Proto("ms", "Group membership service")

local VERSION, HEADER, PREFIX, FAMILY = 1, 88, 16, 2
local EXTENDED_PORT = 3000
local NO_CHECKSUM = 0x0000FFFF
local CORE_SET = 1

-- The message types. A test compares them with the table of the program.
local TYPES = {
    [0] = "QUERY",
    [1] = "REPLY",
    [10] = "M_JOIN",
    [11] = "M_LEAVE",
    [12] = "M_SPLIT",
    [13] = "M_MERGE",
    [14] = "M_ADD_PARENT",
    [15] = "M_DEL_PARENT",
    [16] = "M_STATS_S",
    [17] = "M_STATS_L",
    [18] = "M_FAIL",
    [19] = "M_MULTI_FAIL",
    [20] = "M_COORD_FAIL",
    [21] = "ACK",
    [22] = "COMMIT",
    [23] = "WAIT",
    [24] = "MSG_QUERY",
    [25] = "INIT",
    [30] = "M_JOIN_REQ",
    [31] = "M_LEAVE_REQ",
    [32] = "M_SPLIT_REQ",
    [33] = "M_MERGE_REQ",
    [34] = "M_ADD_PAR_REQ",
    [35] = "M_DEL_PAR_REQ",
    [36] = "M_STATS_S_REQ",
    [37] = "M_STATS_L_REQ",
    [70] = "A_JOIN",
    [71] = "A_LEAVE",
    [72] = "A_SPLIT",
    [73] = "A_MERGE",
    [74] = "A_STATS_S",
    [75] = "A_STATS_L",
    [76] = "SUBMIT",
    [77] = "DIRECT",
    [78] = "A_FAIL",
    [79] = "A_MULTI_FAIL",
    [80] = "A_JOIN_REQ",
    [81] = "A_LEAVE_REQ",
    [82] = "A_SPLIT_REQ",
    [83] = "A_MERGE_REQ",
    [84] = "A_STATS_S_REQ",
    [85] = "A_STATS_L_REQ",
    [86] = "A_VIEW",
    [87] = "A_REGISTER",
    [88] = "A_MOVE",
    [89] = "ERROR",
    [90] = "FRAGMENT",
    [91] = "SYNC",
    [92] = "APPLICATION",
    [93] = "FORWARD",
    [94] = "BRANCH_LOST",
    [95] = "CHALLENGE",
    [96] = "RESPONSE",
    [120] = "JOIN_GROUP",
    [121] = "LEAVE_GROUP",
    [130] = "JOIN_ACK",
    [131] = "DUP_MEMBER",
    [132] = "NEG_JOIN",
    [140] = "LEAVE_ACK",
    [141] = "NO_GROUP",
    [142] = "NO_MEMBER",
    [143] = "NEG_LEAVE",
}

-- What the first byte of our data says: whose payload it is. What the third says in a core-set's.
-- A test compares both with the program.
local PAYLOADS = {
    [1] = "core-set",
    [4] = "fragment",
    [5] = "authentication",
}
local BODIES = {
    [0] = "query",
    [1] = "reply",
    [2] = "probe",
    [3] = "probe-reply",
    [4] = "initiate",
    [5] = "ack",
    [6] = "commit",
    [7] = "commit-initiate",
    [8] = "wait",
    [9] = "msg-query",
    [10] = "coord-fail",
    [11] = "init",
    [12] = "request",
    [13] = "refused",
    [14] = "forward",
    [15] = "stats-request",
    [16] = "stats",
    [17] = "taken",
    [18] = "sync-request",
    [19] = "sync",
}

-- Types in which the programs of 1994 leave garbage in the length of the data: they have none.
local BARE = { 0, 1, 120, 121, 130, 131, 132, 140, 141, 142, 143 }
local is_bare = {}
for _, code in ipairs(BARE) do is_bare[code] = true end

local f = {
    family = ProtoField.uint16("ms.prefix.family", "Address family"),
    port = ProtoField.uint16("ms.prefix.port", "Port of the sender"),
    addr = ProtoField.ipv4("ms.prefix.addr", "Address of the sender"),
    vers = ProtoField.uint16("ms.vers", "Version"),
    checksum = ProtoField.uint32("ms.checksum", "Checksum", base.HEX),
    status = ProtoField.string("ms.checksum.status", "Checksum status"),
    group = ProtoField.string("ms.group", "Group"),
    view = ProtoField.uint16("ms.view", "View"),
    auth = ProtoField.uint32("ms.auth", "Authentication", base.HEX),
    sender = ProtoField.uint16("ms.sender", "Sender"),
    type = ProtoField.uint16("ms.type", "Type", base.DEC, TYPES),
    subject = ProtoField.uint16("ms.subject", "Subject"),
    subject_addr = ProtoField.ipv4("ms.subject_addr", "Address of the subject"),
    subject_rank = ProtoField.uint16("ms.subject_rank", "Rank of the subject"),
    exclude_len = ProtoField.uint16("ms.exclude_len", "Gids in the exclude list"),
    subjects_len = ProtoField.uint16("ms.subjects_len", "Gids in the subject list"),
    data_len = ProtoField.uint32("ms.data_len", "Bytes of data"),
    exclude = ProtoField.uint16("ms.exclude", "Excluded"),
    subjects = ProtoField.uint16("ms.subjects", "Subject in the list"),
    data = ProtoField.bytes("ms.data", "Data"),
    payload = ProtoField.uint8("ms.payload", "Payload", base.DEC, PAYLOADS),
    body = ProtoField.uint8("ms.body", "Body", base.DEC, BODIES),
}
ms.fields = f

local function fault(name, text, group, severity)
    return ProtoExpert.new("ms.expert." .. name, text, group, severity)
end

local e = {
    length = fault("length", "Malformed length", expert.group.MALFORMED, expert.severity.ERROR),
    version = fault("version", "Bad version", expert.group.MALFORMED, expert.severity.ERROR),
    family = fault("family", "Bad family", expert.group.MALFORMED, expert.severity.ERROR),
    name = fault("name", "No NUL in the group name", expert.group.MALFORMED, expert.severity.ERROR),
    checksum = fault("checksum", "Bad checksum", expert.group.CHECKSUM, expert.severity.ERROR),
    type = fault("type", "Unknown type", expert.group.UNDECODED, expert.severity.WARN),
    garbage = fault("garbage", "Garbage of an original", expert.group.PROTOCOL, expert.severity.NOTE),
}
ms.experts = e

-- CRC-32C. The bit operations are a library up to Lua 5.2 and operators from 5.3 on, which an older
-- Lua would refuse to compile.
local bits = bit or bit32 or load([[return {
    bxor = function(a, b) return a ~ b end,
    band = function(a, b) return a & b end,
    rshift = function(a, n) return a >> n end,
}]])()
local bxor, band, rshift = bits.bxor, bits.band, bits.rshift

local crc_table = {}
for byte = 0, 255 do
    local crc = byte
    for _ = 1, 8 do
        local odd = band(crc, 1) == 1
        crc = rshift(crc, 1)
        if odd then crc = bxor(crc, 0x82F63B78) end
    end
    crc_table[byte] = crc
end

-- The checksum that a message must have: its own field counts as zero, and what would be "none" is
-- sent as another number.
local function checksum_of(message)
    local bytes = message:raw(0, 4) .. "\0\0\0\0" .. message:raw(8)
    local crc = 0xFFFFFFFF
    for i = 1, #bytes do
        crc = bxor(rshift(crc, 8), crc_table[band(bxor(crc, bytes:byte(i)), 0xFF)])
    end
    crc = bxor(crc, 0xFFFFFFFF) % 4294967296
    if crc == NO_CHECKSUM then return 0x0001FFFF end
    return crc
end

local function add_checksum(tree, message, complete)
    local range = message(4, 4)
    local found = range:uint()
    local item = tree:add(f.checksum, range)
    if found == NO_CHECKSUM then
        tree:add(f.status, range, "none"):set_generated()
    elseif complete then
        local computed = checksum_of(message)
        tree:add(f.status, range, found == computed and "good" or "bad"):set_generated()
        if found ~= computed then
            item:add_proto_expert_info(e.checksum, string.format("Bad checksum, must be 0x%08x", computed))
        end
    end
end

-- The group name in words. Bytes that are no printable ASCII, and backslashes, are escaped.
local function add_group(tree, message)
    local field = message:raw(8, 32)
    local nul = field:find("\0", 1, true)
    local name = field:sub(1, (nul or 33) - 1)
    name = name:gsub("\\", "\\x5c")
    name = name:gsub("[^\32-\126]", function(c) return string.format("\\x%02x", c:byte()) end)
    local item = tree:add(f.group, message(8, 32), name)
    if not nul then item:add_proto_expert_info(e.name) end
    return name == "" and '""' or name
end

-- Adds the gids of a list as far as they are there.
local function add_gids(tree, field, message, at, count)
    for i = 0, count - 1 do
        local here = at + 2 * i
        if here + 2 > message:len() then return end
        tree:add(field, message(here, 2))
    end
end

-- The data, and whose payload it is. Data of an application of 1994 may begin with any byte, so one that
-- opens no payload is nothing odd.
local function add_data(tree, data)
    local item = tree:add(f.data, data)
    if not PAYLOADS[data(0, 1):uint()] then return end
    item:add(f.payload, data(0, 1))
    if data(0, 1):uint() == CORE_SET and data:len() > 2 then item:add(f.body, data(2, 1)) end
end

-- What is behind the fixed part. `whole` is the length that the message had before the capture cut it.
local function add_body(tree, message, whole, code)
    local exclude, subjects = message(68, 2):uint(), message(76, 2):uint()
    local data = message(84, 4):uint()
    local exclude_item = tree:add(f.exclude_len, message(68, 2))
    local subjects_item = tree:add(f.subjects_len, message(76, 2))
    local data_item = tree:add(f.data_len, message(84, 4))
    if whole == HEADER and exclude == 0 and subjects == 0 and data > 0 and is_bare[code] then
        data_item:add_proto_expert_info(e.garbage, "What an original had on its stack: there is no data")
        return
    end
    local behind_exclude = HEADER + 2 * exclude
    local behind_lists = behind_exclude + 2 * subjects
    local need = behind_lists + data
    add_gids(tree, f.exclude, message, HEADER, exclude)
    if behind_exclude > whole then
        exclude_item:add_proto_expert_info(e.length, "The exclude list is longer than the message")
        return
    end
    add_gids(tree, f.subjects, message, behind_exclude, subjects)
    if behind_lists > whole then
        subjects_item:add_proto_expert_info(e.length, "The subject list is longer than the message")
        return
    end
    local here = math.min(need, message:len())
    if here > behind_lists then add_data(tree, message(behind_lists, here - behind_lists)) end
    if need > whole then
        data_item:add_proto_expert_info(e.length,
            string.format("%d bytes of data, %d are there", data, whole - behind_lists))
    elseif need < whole then
        tree:add_proto_expert_info(e.length,
            string.format("The message has %d bytes, its header declares %d", whole, need))
    end
end

local function add_prefix(tree, datagram)
    local prefix = tree:add(ms, datagram(0, PREFIX), "Prefix of an mcaster")
    local family = prefix:add(f.family, datagram(0, 2))
    if datagram(0, 2):uint() ~= FAMILY then family:add_proto_expert_info(e.family) end
    prefix:add(f.port, datagram(2, 2))
    prefix:add(f.addr, datagram(4, 4))
end

-- What a version says that is not ours.
local function wrong_version(version)
    if version == 0x0100 then
        return "Version 256, must be 1: looks like a little-endian original"
    end
    return string.format("Version %d, must be 1", version)
end

-- A message and the length it had. Gives the words for the info column.
local function add_message(tree, message, whole)
    local have = message:len()
    if have >= 2 then
        local version = message(0, 2):uint()
        local item = tree:add(f.vers, message(0, 2))
        if version ~= VERSION then
            item:add_proto_expert_info(e.version, wrong_version(version))
            return wrong_version(version)
        end
    end
    if have < HEADER then
        local how = have < whole and "captured" or "there"
        local text = string.format("Only %d of the fixed part's %d bytes are %s", have, HEADER, how)
        tree:add_proto_expert_info(e.length, text)
        return text
    end
    add_checksum(tree, message, have == whole)
    local group = add_group(tree, message)
    local code = message(50, 2):uint()
    tree:add(f.view, message(40, 2))
    tree:add(f.auth, message(44, 4))
    tree:add(f.sender, message(48, 2))
    local type_item = tree:add(f.type, message(50, 2))
    if not TYPES[code] then type_item:add_proto_expert_info(e.type) end
    tree:add(f.subject, message(52, 2))
    tree:add(f.subject_addr, message(56, 4))
    tree:add(f.subject_rank, message(60, 2))
    add_body(tree, message, whole, code)
    local sender, subject = message(48, 2):uint(), message(52, 2):uint()
    return string.format("%s %s %d -> %d", TYPES[code] or ("type " .. code), group, sender, subject)
end

-- Whether there is a prefix. An mcaster's answer to whoever asked from port 3000 is a plain message, and
-- an extended message may have been captured on a port of its own.
local function is_extended(datagram, port)
    if datagram:len() < PREFIX + 2 then return false end
    local first, behind = datagram(0, 2):uint(), datagram(PREFIX, 2):uint()
    if port == EXTENDED_PORT then return first ~= VERSION or behind == VERSION end
    return first == FAMILY and behind == VERSION
end

function ms.dissector(buffer, pinfo, tree)
    pinfo.cols.protocol = "MS"
    local whole = buffer:reported_len()
    if buffer:len() == 0 then return 0 end
    local datagram = buffer()
    local root = tree:add(ms, datagram)
    if is_extended(datagram, pinfo.dst_port) then
        add_prefix(root, datagram)
        local info = add_message(root, datagram(PREFIX), whole - PREFIX)
        local from = tostring(datagram(4, 4):ipv4())
        pinfo.cols.info = string.format("%s (relayed from %s:%d)", info, from, datagram(2, 2):uint())
    else
        pinfo.cols.info = add_message(root, datagram, whole)
    end
    return buffer:len()
end

local ports = DissectorTable.get("udp.port")
for _, port in ipairs({ 2900, 2901, EXTENDED_PORT }) do ports:add(port, ms) end
