import { LIVES_LIMIT } from '../../interface-block/lives.ts';
import { PAIRS_PER_GROUP_LIMIT, SUSPEND_REASONS } from '../../interface-block/process-table.ts';
import { fields, flag, integer, listOf, oneOf, text } from './shape.ts';

/**
 * What a record of the state log must look like before any of it is believed: a CRC only says that the bytes are those that
 * were written. `array-state.ts` says what the fields mean.
 */
export const STATE_FORMAT = 1;

/** Names, serials and numbers of the other array are what hosts gave them: a command with odd ones is no damage. */
const LUN = integer(0, 0xffff);
const NAME = text(/^[^]{0,1024}$/, 'a text of at most 1024 characters');
const SERIAL = NAME;
const GENERATION = text(/^[0-9a-f]{16}$/, '16 hex digits');
const ENTRY_LIMIT = 16_384;
const REQUEST_LIMIT = 8192;

const standing = fields({ life: GENERATION, changes: integer(), sequence: integer() });
const position = fields({ sequence: integer(), offset: integer() });

const volume = fields(
  {
    lun: LUN,
    name: NAME,
    kind: oneOf(['volume', 'journal', 'command-device']),
    blockSize: oneOf([512, 4096]),
    blockCount: integer(1),
  },
  {
    removable: oneOf([true]),
    physicalBlockSize: oneOf([4096]),
    readOnly: oneOf([true]),
    sanitizeMinimum: integer(1, 3600),
    encrypted: oneOf([true]),
    backing: NAME,
  },
);

const pair = fields(
  {
    name: NAME,
    slot: integer(0, PAIRS_PER_GROUP_LIMIT - 1),
    primaryLun: LUN,
    auxiliaryLun: LUN,
    progress: oneOf(['copy', 'pair']),
    copied: flag,
    consistentFrom: integer(),
    startSequence: integer(),
    copyBegun: flag,
    copyChunks: integer(),
    noCopy: flag,
  },
  { fresh: flag },
);

const group = fields(
  {
    name: NAME,
    role: oneOf(['primary', 'auxiliary']),
    suspendReason: oneOf(Object.keys(SUSPEND_REASONS)),
    peerSerial: SERIAL,
    localJournalLun: LUN,
    peerJournalLun: LUN,
    tracking: flag,
    lineage: listOf(fields({ generation: GENERATION, startSequence: integer() }), ENTRY_LIMIT),
    followFrom: fields({ generation: text(/^(?:[0-9a-f]{16})?$/, '16 hex digits'), sequence: integer() }),
    purged: position,
    following: flag,
    expectedGeneration: text(/^(?:[0-9a-f]{16})?$/, '16 hex digits, or nothing'),
    restored: position,
    toBeRestored: integer(),
    read: position,
    toBeRead: integer(),
    readProof: integer(0, 2 ** 32 - 1),
    peerSeenSequence: integer(),
    peerSeenWallMs: integer(),
    pairs: listOf(pair, PAIRS_PER_GROUP_LIMIT),
    nextSlot: integer(0, PAIRS_PER_GROUP_LIMIT),
  },
  {
    recovered: fields({ sequence: integer(), incarnation: integer() }),
    journalLost: oneOf([true]),
    journalLostTo: integer(),
    givenUpTo: integer(),
    journalDamaged: oneOf([true]),
    changes: integer(),
    lives: listOf(standing, LIVES_LIMIT),
    lifeShown: oneOf([true]),
    peerLife: standing,
    forgiven: standing,
    acceptsOlder: oneOf([true]),
    owed: fields({ slots: listOf(integer(), PAIRS_PER_GROUP_LIMIT), from: position, to: integer() }),
  },
);

const state = fields(
  {
    volumes: listOf(volume, ENTRY_LIMIT),
    remotes: listOf(fields({ serial: SERIAL, name: NAME, portals: listOf(NAME, ENTRY_LIMIT) }), ENTRY_LIMIT),
    lunMap: listOf(fields({ lun: LUN, name: NAME, targetSerial: SERIAL, targetLun: LUN }), ENTRY_LIMIT),
    commandDevices: listOf(fields({ deviceSerial: SERIAL, deviceName: NAME, lun: LUN }), ENTRY_LIMIT),
    groups: listOf(group, ENTRY_LIMIT),
    incarnation: integer(),
  },
  { groupChanges: integer(), backings: listOf(fields({ lun: LUN, identity: NAME }, { serial: NAME }), ENTRY_LIMIT) },
);

const request = fields({
  requestId: text(/^[0-9a-f]{32}$/, '32 hex digits'),
  process: integer(0, 0xffff),
  inputCrc: integer(0, 2 ** 32 - 1),
  status: integer(0, 0xffff),
  editedData: text(/^[A-Za-z0-9+/]*={0,2}$/, 'base64'),
  commandNumber: integer(1),
});

const auditEnd = fields({ seq: integer(), hash: text(/^[0-9a-f]{64}$/, '64 hex digits') });

/** One record of the log. Records without a format number are of format 1. */
export const logEntryShape = fields(
  {},
  { format: integer(1), serial: SERIAL, state, requests: listOf(request, REQUEST_LIMIT), audit: auditEnd },
);
