import type { Standing } from '../../interface-block/lives.ts';
import type { LineageEntry, SuspendReason } from '../../interface-block/process-table.ts';
import type {
  ArrayDescription,
  CommandDeviceEntry,
  LunMapEntry,
  RemoteDescription,
  VolumeDescription,
} from '../description.ts';

/**
 * Everything about an array that survives a restart, apart from the bytes of volumes and journals. Plain data, replaced
 * as a whole: no part of it is ever changed in place.
 */
export interface ArrayState {
  readonly volumes: readonly VolumeDescription[];
  readonly remotes: readonly RemoteDescription[];
  readonly lunMap: readonly LunMapEntry[];
  readonly commandDevices: readonly CommandDeviceEntry[];
  readonly groups: readonly GroupState[];
  /** Counts the starts of this array; orders journal records written before and after a crash. */
  readonly incarnation: number;
  /** Changes of groups since the array was made. */
  readonly groupChanges?: number;
  /** What stood behind each volume with a backing when it was first opened; nothing else is ever taken for it. */
  readonly backings?: readonly BackingRecord[];
}

export interface BackingRecord {
  readonly lun: number;
  /** Who the backing says it is: its VPD 83h designator or serial, or what the kernel knows of it. */
  readonly identity: string;
  /** Its unit serial number (VPD 80h) beside a designator that others may have, too; absent in older records. */
  readonly serial?: string;
}

/** A place in the journal: everything up to record `sequence` lies before it, the next record's data begins there. */
export interface Position {
  readonly sequence: number;
  /** Blocks of journal data written since the journal began; the LBA is head + offset modulo the ring's size. */
  readonly offset: number;
}

export interface GroupState {
  readonly name: string;
  readonly role: 'primary' | 'auxiliary';
  /** `none` while journal flows; anything else: suspended. */
  readonly suspendReason: SuspendReason;
  readonly peerSerial: string;
  readonly localJournalLun: number;
  readonly peerJournalLun: number;
  /** Primary, suspended: there have been writes since, under a generation of their own. */
  readonly tracking: boolean;
  /** Oldest first; the last entry is the current generation. Empty on an auxiliary that has not met its primary yet. */
  readonly lineage: readonly LineageEntry[];
  /**
   * Primary: since where the journal has no gap. An auxiliary at this place of the lineage or later may follow by
   * journal alone; an earlier one needs a copy of the differences first.
   */
  readonly followFrom: { readonly generation: string; readonly sequence: number };
  /** Primary: last record freed; journal-out (1511) is the place behind it. */
  readonly purged: Position;
  /** Auxiliary: whether the positions below are already the primary's; false from create or resync until first contact. */
  readonly following: boolean;
  /** Auxiliary: the generation that a resync named; empty after contact. */
  readonly expectedGeneration: string;
  /** Auxiliary: restoration completed (1531), durable in the volumes. */
  readonly restored: Position;
  /** Auxiliary: last record ordered to be restored (1532). */
  readonly toBeRestored: number;
  /** Auxiliary: read completed (1533), durable in the journal. */
  readonly read: Position;
  /** Auxiliary: last record ordered to be read (1534). */
  readonly toBeRead: number;
  /** Auxiliary: CRC-32 of the metadata of the last record read; shown to the primary with a purge. */
  readonly readProof: number;
  readonly peerSeenSequence: number;
  readonly peerSeenWallMs: number;
  readonly pairs: readonly PairState[];
  readonly nextSlot: number;
  /** Primary: where its journal ended at the last start; a record behind it is of that incarnation or a later one. */
  readonly recovered?: { readonly sequence: number; readonly incarnation: number };
  /**
   * Primary, until it is suspended for it: the journal could not be made durable, and its writes go to the volumes
   * without it. The difference maps name them already.
   */
  readonly journalLost?: true;
  /**
   * With `journalLost`: the last record that hosts were answered for. A start that finds fewer says what is missing. Older
   * versions say it only where a volume has a backing.
   */
  readonly journalLostTo?: number;
  /**
   * Primary, until the suspension that follows: records of its journal have rotted, and somebody has accepted that those up to
   * this one which cannot be read are lost.
   */
  readonly givenUpTo?: number;
  /**
   * Auxiliary: the record behind `restored` cannot be read here any more, and nothing from it on was restored since that is
   * known. It is tried again with each order to restore; a resync, or a takeover that gives it up, ends it.
   */
  readonly journalDamaged?: true;
  /**
   * Primary, suspended: what volumes lack because their backing could not be reached. No record is stored before they
   * have it.
   */
  readonly owed?: OwedRecords;
  /** The array's `groupChanges` with the last change of this group; the store counts them. */
  readonly changes?: number;
  /** Of this side, oldest first: how far it had come when each of them began. The last one is the current life. */
  readonly lives?: readonly Standing[];
  /** The peer may have seen the current life. */
  readonly lifeShown?: true;
  /** Where the peer stood when it was last believed: it must have been through that. */
  readonly peerLife?: Standing;
  /** What the peer has seen of this side and this side never was, or is no more: everything was copied since. */
  readonly forgiven?: Standing;
  /** Auxiliary, not following yet: an older copy may be followed, after everything has been marked as different. */
  readonly acceptsOlder?: true;
}

/** Records of the pairs in `slots`, behind `from` up to number `to`. */
export interface OwedRecords {
  readonly slots: readonly number[];
  readonly from: Position;
  readonly to: number;
}

export interface PairState {
  readonly name: string;
  readonly slot: number;
  readonly primaryLun: number;
  readonly auxiliaryLun: number;
  /** `copy` until the auxiliary holds everything; `pair` from then on, also while suspended. */
  readonly progress: 'copy' | 'pair';
  /** Auxiliary: the whole volume has been copied; usable once restored up to `consistentFrom`. */
  readonly copied: boolean;
  readonly consistentFrom: number;
  /** Primary: journal records up to this number belong to an older pair in the same place. */
  readonly startSequence: number;
  /** Auxiliary: the difference maps of both sides have been joined, the copy runs. */
  readonly copyBegun: boolean;
  /** Auxiliary: chunks that the running copy set out to do. */
  readonly copyChunks: number;
  /** The volumes were declared equal when the pair was formed. */
  readonly noCopy: boolean;
  /**
   * Primary: the difference map still names everything that an auxiliary formed now would lack, because no auxiliary was
   * ever said to be copied. Only then may one join.
   */
  readonly fresh?: boolean;
}

export const START: Position = { sequence: 0, offset: 0 };

export function initialState(description: ArrayDescription): ArrayState {
  return {
    volumes: description.volumes,
    remotes: description.remotes,
    lunMap: description.lunMap,
    commandDevices: description.commandDevices,
    groups: [],
    incarnation: 0,
  };
}

export function localLun(group: GroupState, pair: PairState): number {
  return group.role === 'primary' ? pair.primaryLun : pair.auxiliaryLun;
}

/** The volume of this LUN is in a pair of this array. */
export function isPaired(state: Pick<ArrayState, 'groups'>, lun: number): boolean {
  return state.groups.some((group) => group.pairs.some((pair) => localLun(group, pair) === lun));
}

export function peerLun(group: GroupState, pair: PairState): number {
  return group.role === 'primary' ? pair.auxiliaryLun : pair.primaryLun;
}

export function currentGeneration(group: GroupState): string {
  return group.lineage.at(-1)?.generation ?? NO_GENERATION;
}

export const NO_GENERATION = '0000000000000000';

export function isActive(group: GroupState): boolean {
  return group.suspendReason === 'none';
}

export function withoutGroup(state: ArrayState, name: string): ArrayState {
  return { ...state, groups: state.groups.filter((group) => group.name !== name) };
}
