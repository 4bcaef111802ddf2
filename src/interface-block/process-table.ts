import { defineLayout, type FieldShape, type Layout, type LayoutValue, type ValueOf } from '../base/layout.ts';

/**
 * The process numbers of Fig. 6: which command an array executes, with the layout of its input parameters and of its
 * edited data. A message is one header followed by as many rows as its length has room for.
 */

type Fields = readonly FieldShape[];

export interface MessageShape<H extends Fields = Fields, R extends Fields = Fields> {
  readonly header: Layout<H>;
  readonly row: Layout<R> | undefined;
}

export interface MessageValue<H, R> {
  readonly header: H;
  readonly rows: readonly R[];
}

export interface ProcessDefinition<
  RH extends Fields = Fields,
  RR extends Fields = Fields,
  AH extends Fields = Fields,
  AR extends Fields = Fields,
> {
  readonly number: number;
  readonly name: string;
  /** True where the command can change what the array does: then its outcome is made durable together with the change. */
  readonly changes: boolean;
  readonly request: MessageShape<RH, RR>;
  readonly reply: MessageShape<AH, AR>;
  readonly doc: string;
}

export const GROUP_NAME_SIZE = 32;
export const SERIAL_SIZE = 16;
/** Pairs that one group can hold; also the bits of `copiedPairs`. */
export const PAIRS_PER_GROUP_LIMIT = 64;

export const ROLES = { simplex: 0, primary: 1, auxiliary: 2 } as const;
export const PAIR_STATES = { simplex: 0, copy: 1, pair: 2, suspended: 3 } as const;
/** Why a group is suspended. */
export const SUSPEND_REASONS = {
  none: 0,
  /** An operator split it. */
  split: 1,
  /** The journal had no room for a write; since then differences are tracked. */
  'journal-full': 2,
  /** A volume or journal failed. */
  error: 3,
  /** This array took over without its peer. */
  takeover: 4,
  /** The auxiliary side learned that its primary has stopped storing journal. */
  'peer-suspended': 5,
  /** This array came back from an older copy of its storage: what it holds of the group is not believed. */
  'older-copy': 6,
  /** The other array did. */
  'peer-older-copy': 7,
} as const;
export const VOLUME_KINDS = { volume: 0, virtual: 1, journal: 2, 'command-device': 3 } as const;
export const ACCESS = { none: 0, 'read-only': 1, 'read-write': 2 } as const;
export const REQUEST_OUTCOMES = { unknown: 0, executing: 1, done: 2 } as const;

const nothing = defineLayout('nothing', 0, []);

const groupOnly = defineLayout('group', 32, [{ name: 'group', offset: 0, size: 32, kind: 'text', doc: 'group name' }]);

/** What every changing command on a group answers. */
const groupChange = defineLayout('group-change', 48, [
  { name: 'changed', offset: 0, size: 1, kind: 'flag', doc: '0 where the group was already so' },
  { name: 'role', offset: 1, size: 1, kind: 'enum', values: ROLES, doc: 'role of this array in the group afterwards' },
  { name: 'state', offset: 2, size: 1, kind: 'enum', values: PAIR_STATES, doc: 'state of the group afterwards' },
  { name: 'suspendReason', offset: 3, size: 1, kind: 'enum', values: SUSPEND_REASONS, doc: 'why, where suspended' },
  { name: 'generation', offset: 8, size: 8, kind: 'hex', doc: 'current generation identifier' },
  { name: 'sequence', offset: 16, size: 8, kind: 'u64', doc: 'the sequence number the command moved or fixed' },
  { name: 'lba', offset: 24, size: 8, kind: 'u64', doc: 'its LBA in the journal data region' },
]);

/** One generation of the data: writes after `startSequence`, up to that of the next row, belong to it; the last row is open. */
const lineageRow = defineLayout('lineage', 16, [
  { name: 'generation', offset: 0, size: 8, kind: 'hex', doc: 'generation identifier' },
  { name: 'startSequence', offset: 8, size: 8, kind: 'u64', doc: 'last sequence number before this generation began' },
]);

function message<const H extends Fields>(header: Layout<H>): MessageShape<H, readonly []>;
function message<const H extends Fields, const R extends Fields>(header: Layout<H>, row: Layout<R>): MessageShape<H, R>;
function message(header: Layout, row?: Layout): MessageShape {
  return { header, row };
}

function define<RH extends Fields, RR extends Fields, AH extends Fields, AR extends Fields>(
  definition: ProcessDefinition<RH, RR, AH, AR>,
): ProcessDefinition<RH, RR, AH, AR> {
  return definition;
}

export const PROCESSES = {
  'array.show': define({
    number: 0x0001,
    name: 'array.show',
    changes: false,
    doc: 'Who this array is.',
    request: message(nothing),
    reply: message(
      defineLayout('array', 96, [
        { name: 'serial', offset: 0, size: 16, kind: 'text', doc: 'array serial' },
        { name: 'name', offset: 16, size: 32, kind: 'text', doc: 'array name' },
        { name: 'version', offset: 48, size: 16, kind: 'text', doc: 'software version' },
        { name: 'volumeCount', offset: 64, size: 4, kind: 'u32', doc: 'LUNs of every kind' },
        { name: 'groupCount', offset: 68, size: 4, kind: 'u32', doc: 'groups' },
        { name: 'commandNumber', offset: 72, size: 8, kind: 'u64', doc: 'commands executed so far' },
        { name: 'rememberedRequests', offset: 80, size: 4, kind: 'u32', doc: 'outcomes kept for retries' },
      ]),
    ),
  }),
  'volume.list': define({
    number: 0x0002,
    name: 'volume.list',
    changes: false,
    doc: 'Every LUN of the array with what it is for.',
    request: message(nothing),
    reply: message(
      nothing,
      defineLayout('volume', 176, [
        { name: 'lun', offset: 0, size: 2, kind: 'u16', doc: 'LUN' },
        { name: 'kind', offset: 2, size: 1, kind: 'enum', values: VOLUME_KINDS, doc: 'what the LUN is' },
        { name: 'role', offset: 3, size: 1, kind: 'enum', values: ROLES, doc: 'role in its pair' },
        { name: 'access', offset: 4, size: 1, kind: 'enum', values: ACCESS, doc: 'what hosts may do now' },
        { name: 'blockSize', offset: 8, size: 4, kind: 'u32', doc: 'bytes in a block' },
        { name: 'blockCount', offset: 16, size: 8, kind: 'u64', doc: 'blocks' },
        { name: 'name', offset: 24, size: 32, kind: 'text', doc: 'volume name' },
        { name: 'group', offset: 56, size: 32, kind: 'text', doc: 'group, where paired or a journal in use' },
        { name: 'pair', offset: 88, size: 32, kind: 'text', doc: 'pair, where paired' },
        { name: 'targetSerial', offset: 120, size: 16, kind: 'text', doc: 'array behind a virtual volume (Fig. 3)' },
        { name: 'targetLun', offset: 136, size: 2, kind: 'u16', doc: 'mapping LUN of a virtual volume (Fig. 3)' },
        { name: 'allocatedBytes', offset: 144, size: 8, kind: 'u64', doc: 'bytes that the sparse volume really uses' },
      ]),
    ),
  }),
  'command-device.list': define({
    number: 0x0003,
    name: 'command-device.list',
    changes: false,
    doc: 'The command device management table (Fig. 5).',
    request: message(nothing),
    reply: message(
      nothing,
      defineLayout('command-device', 64, [
        { name: 'deviceSerial', offset: 0, size: 16, kind: 'text', doc: 'array that the command device belongs to' },
        { name: 'deviceName', offset: 16, size: 32, kind: 'text', doc: 'its name' },
        { name: 'lun', offset: 48, size: 2, kind: 'u16', doc: 'command device LUN on this array' },
        { name: 'virtual', offset: 50, size: 1, kind: 'flag', doc: '1 where it is reached through a virtual volume' },
      ]),
    ),
  }),
  'request.query': define({
    number: 0x0004,
    name: 'request.query',
    changes: false,
    doc: 'What became of a request whose answer was lost.',
    request: message(
      defineLayout('request-query', 16, [
        { name: 'requestId', offset: 0, size: 16, kind: 'hex', doc: 'the request id asked about' },
      ]),
    ),
    reply: message(
      defineLayout('request-outcome', 32, [
        { name: 'outcome', offset: 0, size: 1, kind: 'enum', values: REQUEST_OUTCOMES, doc: 'what is known' },
        { name: 'process', offset: 2, size: 2, kind: 'u16', doc: 'its process number' },
        { name: 'status', offset: 4, size: 2, kind: 'u16', doc: 'its status code' },
        { name: 'commandNumber', offset: 8, size: 8, kind: 'u64', doc: 'its place in the order of execution' },
      ]),
    ),
  }),
  'pair.create': define({
    number: 0x0010,
    name: 'pair.create',
    changes: true,
    doc: 'Pair formation (Fig. 10, 11: S1101 on the copy source, S1102 on the copy destination).',
    request: message(
      defineLayout('pair-create', 128, [
        { name: 'group', offset: 0, size: 32, kind: 'text', doc: 'group: pairs that share the journals' },
        { name: 'pair', offset: 32, size: 32, kind: 'text', doc: 'pair name, unique in the group' },
        { name: 'role', offset: 64, size: 1, kind: 'enum', values: ROLES, doc: 'role that this array takes' },
        { name: 'noCopy', offset: 65, size: 1, kind: 'flag', doc: '1: the volumes are known to be equal' },
        { name: 'primaryLun', offset: 66, size: 2, kind: 'u16', doc: 'primary LUN' },
        { name: 'auxiliaryLun', offset: 68, size: 2, kind: 'u16', doc: 'auxiliary LUN' },
        { name: 'primaryJournalLun', offset: 70, size: 2, kind: 'u16', doc: 'primary journal LUN' },
        { name: 'auxiliaryJournalLun', offset: 72, size: 2, kind: 'u16', doc: 'auxiliary journal LUN' },
        { name: 'primarySerial', offset: 80, size: 16, kind: 'text', doc: 'copy source device' },
        { name: 'auxiliarySerial', offset: 96, size: 16, kind: 'text', doc: 'copy destination device' },
      ]),
    ),
    reply: message(groupChange),
  }),
  'pair.show': define({
    number: 0x0011,
    name: 'pair.show',
    changes: false,
    doc: 'The pair management table (Fig. 10) with the progress of each pair.',
    request: message(groupOnly),
    reply: message(
      nothing,
      defineLayout('pair', 176, [
        { name: 'group', offset: 0, size: 32, kind: 'text', doc: 'group name' },
        { name: 'pair', offset: 32, size: 32, kind: 'text', doc: 'pair name' },
        { name: 'role', offset: 64, size: 1, kind: 'enum', values: ROLES, doc: 'role of this array' },
        { name: 'state', offset: 65, size: 1, kind: 'enum', values: PAIR_STATES, doc: 'pair state' },
        {
          name: 'suspendReason',
          offset: 66,
          size: 1,
          kind: 'enum',
          values: SUSPEND_REASONS,
          doc: 'why, where suspended',
        },
        {
          name: 'consistent',
          offset: 67,
          size: 1,
          kind: 'flag',
          doc: '1: the volume here is usable as of some moment',
        },
        { name: 'slot', offset: 68, size: 1, kind: 'u8', doc: 'place of the pair in its group, 0 to 63' },
        {
          name: 'access',
          offset: 69,
          size: 1,
          kind: 'enum',
          values: ACCESS,
          doc: 'what hosts may do with the volume here',
        },
        { name: 'primaryLun', offset: 70, size: 2, kind: 'u16', doc: 'primary LUN' },
        { name: 'auxiliaryLun', offset: 72, size: 2, kind: 'u16', doc: 'auxiliary LUN' },
        { name: 'primaryJournalLun', offset: 74, size: 2, kind: 'u16', doc: 'primary journal LUN' },
        { name: 'auxiliaryJournalLun', offset: 76, size: 2, kind: 'u16', doc: 'auxiliary journal LUN' },
        { name: 'primarySerial', offset: 80, size: 16, kind: 'text', doc: 'copy source device' },
        { name: 'auxiliarySerial', offset: 96, size: 16, kind: 'text', doc: 'copy destination device' },
        { name: 'chunkBytes', offset: 112, size: 4, kind: 'u32', doc: 'bytes that one difference bit stands for' },
        { name: 'copyChunks', offset: 120, size: 8, kind: 'u64', doc: 'chunks that the running copy had to do' },
        { name: 'copiedChunks', offset: 128, size: 8, kind: 'u64', doc: 'chunks of them done' },
        {
          name: 'differentChunks',
          offset: 136,
          size: 8,
          kind: 'u64',
          doc: 'chunks written here that the peer does not have',
        },
        {
          name: 'consistentFrom',
          offset: 144,
          size: 8,
          kind: 'u64',
          doc: 'auxiliary: usable once restored up to this sequence number; 0 while copying',
        },
        { name: 'blockCount', offset: 152, size: 8, kind: 'u64', doc: 'blocks of the volume here' },
      ]),
    ),
  }),
  'pair.split': define({
    number: 0x0012,
    name: 'pair.split',
    changes: true,
    doc: 'Suspends a group: the primary stops storing journal and tracks differences.',
    request: message(groupOnly),
    reply: message(groupChange),
  }),
  'pair.resync': define({
    number: 0x0013,
    name: 'pair.resync',
    changes: true,
    doc: 'Resumes a suspended group in the given direction by copying the differences of both sides.',
    request: message(
      defineLayout('pair-resync', 64, [
        { name: 'group', offset: 0, size: 32, kind: 'text', doc: 'group name' },
        { name: 'role', offset: 32, size: 1, kind: 'enum', values: ROLES, doc: 'role that this array takes' },
        {
          name: 'discard',
          offset: 33,
          size: 1,
          kind: 'flag',
          doc: 'role auxiliary: 1 gives up writes that only this array has',
        },
        {
          name: 'generation',
          offset: 40,
          size: 8,
          kind: 'hex',
          doc: 'role auxiliary: current generation of the new primary',
        },
      ]),
      lineageRow,
    ),
    reply: message(groupChange),
  }),
  'pair.delete': define({
    number: 0x0014,
    name: 'pair.delete',
    changes: true,
    doc: 'Dissolves a pair, or with an empty pair name all pairs of the group.',
    request: message(
      defineLayout('pair-delete', 64, [
        { name: 'group', offset: 0, size: 32, kind: 'text', doc: 'group name' },
        { name: 'pair', offset: 32, size: 32, kind: 'text', doc: 'pair name; empty: all' },
      ]),
    ),
    reply: message(groupChange),
  }),
  'pair.swap': define({
    number: 0x0015,
    name: 'pair.swap',
    changes: true,
    doc: 'Reverses the direction (Fig. 20 with role auxiliary, Fig. 21 with role primary).',
    request: message(
      defineLayout('pair-swap', 64, [
        { name: 'group', offset: 0, size: 32, kind: 'text', doc: 'group name' },
        { name: 'role', offset: 32, size: 1, kind: 'enum', values: ROLES, doc: 'role that this array takes' },
        { name: 'generation', offset: 40, size: 8, kind: 'hex', doc: 'generation that both sides are in' },
        {
          name: 'sequence',
          offset: 48,
          size: 8,
          kind: 'u64',
          doc: 'last write, restored on the auxiliary; refused where another is the last',
        },
      ]),
    ),
    reply: message(groupChange),
  }),
  'pair.takeover': define({
    number: 0x0016,
    name: 'pair.takeover',
    changes: true,
    doc: 'The auxiliary becomes primary without its peer, after everything acquired is restored.',
    request: message(
      defineLayout('pair-takeover', 64, [
        { name: 'group', offset: 0, size: 32, kind: 'text', doc: 'group name' },
        { name: 'acceptInconsistent', offset: 32, size: 1, kind: 'flag', doc: '1: also where a copy had not ended' },
        {
          name: 'giveUpDamaged',
          offset: 33,
          size: 1,
          kind: 'flag',
          doc: '1: also where the journal here is damaged; what it holds from there on is given up',
        },
      ]),
    ),
    reply: message(groupChange),
  }),
  'pair.fence': define({
    number: 0x0017,
    name: 'pair.fence',
    changes: true,
    doc: 'Holds back host writes on the primary volumes for a short time, so that a swap can drain the journal.',
    request: message(
      defineLayout('pair-fence', 64, [
        { name: 'group', offset: 0, size: 32, kind: 'text', doc: 'group name' },
        {
          name: 'leaseMs',
          offset: 32,
          size: 4,
          kind: 'u32',
          doc: 'milliseconds until the fence falls by itself; 0 lifts it',
        },
      ]),
    ),
    reply: message(groupChange),
  }),
  'journal.show': define({
    number: 0x0020,
    name: 'journal.show',
    changes: false,
    doc: 'Acquisition of the processing status of a journal (S1601, S1605; Fig. 15), with the lineage of the group.',
    request: message(groupOnly),
    reply: message(
      defineLayout('journal-status', 344, [
        { name: 'group', offset: 0, size: 32, kind: 'text', doc: 'group name' },
        { name: 'role', offset: 32, size: 1, kind: 'enum', values: ROLES, doc: 'role of this array' },
        { name: 'state', offset: 33, size: 1, kind: 'enum', values: PAIR_STATES, doc: 'worst state of its pairs' },
        {
          name: 'suspendReason',
          offset: 34,
          size: 1,
          kind: 'enum',
          values: SUSPEND_REASONS,
          doc: 'why, where suspended',
        },
        {
          name: 'consistent',
          offset: 35,
          size: 1,
          kind: 'flag',
          doc: '1: all volumes here are usable as of one moment',
        },
        { name: 'fenced', offset: 36, size: 1, kind: 'flag', doc: '1: host writes are held back for a swap' },
        {
          name: 'damaged',
          offset: 37,
          size: 1,
          kind: 'flag',
          doc: '1: auxiliary: the record behind the last one restored cannot be read',
        },
        { name: 'localJournalLun', offset: 38, size: 2, kind: 'u16', doc: 'journal LUN of this array' },
        { name: 'peerJournalLun', offset: 40, size: 2, kind: 'u16', doc: 'journal LUN of the peer' },
        { name: 'peerSerial', offset: 48, size: 16, kind: 'text', doc: 'the other array of the group' },
        { name: 'generation', offset: 64, size: 8, kind: 'hex', doc: 'current generation identifier' },
        { name: 'headLba', offset: 72, size: 8, kind: 'u64', doc: 'head LBA of the data region' },
        { name: 'endLba', offset: 80, size: 8, kind: 'u64', doc: 'end LBA: first block behind the data region' },
        { name: 'journalOutSequence', offset: 88, size: 8, kind: 'u64', doc: 'primary: oldest record kept (1511)' },
        { name: 'journalOutLba', offset: 96, size: 8, kind: 'u64', doc: 'journal-out LBA (1511)' },
        {
          name: 'journalInSequence',
          offset: 104,
          size: 8,
          kind: 'u64',
          doc: 'primary: number the next record gets (1512); equal to out: empty',
        },
        { name: 'journalInLba', offset: 112, size: 8, kind: 'u64', doc: 'journal-in LBA (1512)' },
        { name: 'restoredSequence', offset: 120, size: 8, kind: 'u64', doc: 'auxiliary: last record restored (1531)' },
        { name: 'restoredLba', offset: 128, size: 8, kind: 'u64', doc: 'restoration completed LBA (1531)' },
        {
          name: 'toBeRestoredSequence',
          offset: 136,
          size: 8,
          kind: 'u64',
          doc: 'last record ordered to be restored (1532)',
        },
        { name: 'toBeRestoredLba', offset: 144, size: 8, kind: 'u64', doc: 'to-be restored LBA (1532)' },
        { name: 'readSequence', offset: 152, size: 8, kind: 'u64', doc: 'last record acquired and durable (1533)' },
        { name: 'readLba', offset: 160, size: 8, kind: 'u64', doc: 'read completed LBA (1533)' },
        {
          name: 'toBeReadSequence',
          offset: 168,
          size: 8,
          kind: 'u64',
          doc: 'last record ordered to be acquired (1534)',
        },
        { name: 'toBeReadLba', offset: 176, size: 8, kind: 'u64', doc: 'to-be read LBA (1534)' },
        { name: 'usedBlocks', offset: 184, size: 8, kind: 'u64', doc: 'blocks of the data region in use' },
        { name: 'usedRecords', offset: 192, size: 8, kind: 'u64', doc: 'records in use' },
        { name: 'recordLimit', offset: 200, size: 8, kind: 'u64', doc: 'records that the metadata region holds' },
        {
          name: 'oldestWallMs',
          offset: 208,
          size: 8,
          kind: 'u64',
          doc: 'time of the oldest write not yet restored (auxiliary) or purged (primary); 0: none',
        },
        {
          name: 'newestWallMs',
          offset: 216,
          size: 8,
          kind: 'u64',
          doc: 'time of the newest write in the journal, restored or not (auxiliary); 0: none',
        },
        {
          name: 'peerSeenSequence',
          offset: 224,
          size: 8,
          kind: 'u64',
          doc: 'auxiliary: last record of the primary when last seen',
        },
        { name: 'peerSeenWallMs', offset: 232, size: 8, kind: 'u64', doc: 'when that was; 0: never' },
        {
          name: 'readProof',
          offset: 240,
          size: 4,
          kind: 'u32',
          doc: 'CRC-32 of the metadata of the last record acquired; a purge shows it',
        },
        {
          name: 'errorText',
          offset: 248,
          size: 64,
          kind: 'text',
          doc: 'last failure of the background work; empty: none',
        },
        {
          name: 'lastGeneration',
          offset: 312,
          size: 8,
          kind: 'hex',
          doc: 'generation of the last write that this side holds',
        },
        {
          name: 'life',
          offset: 320,
          size: 8,
          kind: 'hex',
          doc: 'life of this array; of an auxiliary zeros until it has met its primary in it, since a purge shows it',
        },
        { name: 'changes', offset: 328, size: 8, kind: 'u64', doc: 'changes of the tables of the group; likewise' },
        { name: 'peerLife', offset: 336, size: 8, kind: 'hex', doc: 'life in which the other array was last met' },
      ]),
      lineageRow,
    ),
  }),
  'journal.acquire': define({
    number: 0x0021,
    name: 'journal.acquire',
    changes: true,
    doc: 'Journal acquisition (Fig. 13, S1604): accepted at once, the reading follows.',
    request: message(
      defineLayout('journal-acquire', 64, [
        { name: 'group', offset: 0, size: 32, kind: 'text', doc: 'group name' },
        {
          name: 'toSequence',
          offset: 32,
          size: 8,
          kind: 'u64',
          doc: 'last record to acquire: the one before journal-in',
        },
      ]),
    ),
    reply: message(groupChange),
  }),
  'journal.restore': define({
    number: 0x0022,
    name: 'journal.restore',
    changes: true,
    doc: 'Restoration (Fig. 14, S1609): accepted at once, the writing follows.',
    request: message(
      defineLayout('journal-restore', 64, [
        { name: 'group', offset: 0, size: 32, kind: 'text', doc: 'group name' },
        {
          name: 'toSequence',
          offset: 32,
          size: 8,
          kind: 'u64',
          doc: 'last record to restore; at most the last acquired',
        },
      ]),
    ),
    reply: message(groupChange),
  }),
  'journal.purge': define({
    number: 0x0023,
    name: 'journal.purge',
    changes: true,
    doc: 'Purge (Fig. 15, S1610): frees the records that the far array has acquired.',
    request: message(
      defineLayout('journal-purge', 80, [
        { name: 'group', offset: 0, size: 32, kind: 'text', doc: 'group name' },
        {
          name: 'toSequence',
          offset: 32,
          size: 8,
          kind: 'u64',
          doc: 'last record to free: the last one that the far array has acquired',
        },
        { name: 'generation', offset: 40, size: 8, kind: 'hex', doc: 'generation that both sides are in' },
        { name: 'proof', offset: 48, size: 4, kind: 'u32', doc: 'the readProof of the far array for that record' },
        {
          name: 'copiedPairs',
          offset: 56,
          size: 8,
          kind: 'hex',
          doc: 'bit mask by slot: pairs that the far array has wholly copied',
        },
        { name: 'life', offset: 64, size: 8, kind: 'hex', doc: 'the life of the far array' },
        { name: 'changes', offset: 72, size: 8, kind: 'u64', doc: 'its changes' },
      ]),
    ),
    reply: message(groupChange),
  }),
} as const;

export type ProcessName = keyof typeof PROCESSES;

type MessageOf<S> = S extends MessageShape<infer H, infer R> ? MessageValue<LayoutValue<H>, LayoutValue<R>> : never;
export type RequestOf<N extends ProcessName> = MessageOf<(typeof PROCESSES)[N]['request']>;
export type ReplyOf<N extends ProcessName> = MessageOf<(typeof PROCESSES)[N]['reply']>;
export type GroupChange = ValueOf<typeof groupChange>;
export type LineageEntry = ValueOf<typeof lineageRow>;
export type Role = keyof typeof ROLES;
export type PairState = keyof typeof PAIR_STATES;
export type SuspendReason = keyof typeof SUSPEND_REASONS;
export type VolumeKind = keyof typeof VOLUME_KINDS;
export type Access = keyof typeof ACCESS;

export function processByNumber(number: number): (ProcessDefinition & { readonly name: ProcessName }) | undefined {
  return Object.values(PROCESSES).find((process) => process.number === number) as
    | (ProcessDefinition & { readonly name: ProcessName })
    | undefined;
}
