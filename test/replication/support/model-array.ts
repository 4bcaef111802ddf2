import type { PairRow } from '../../../src/host/operations.ts';
import { isAncestor } from '../../../src/interface-block/lineage.ts';
import type { LineageEntry, SuspendReason } from '../../../src/interface-block/process-table.ts';

/**
 * A second, independent account of what an array does with a group: no bytes, no wire, only the rules. A volume is the list
 * of the writes that it took, in order, so that "equal up to some write" can be seen.
 */
export class ModelArray {
  readonly array: string;
  readonly serial: string;
  readonly hooks: ModelHooks;
  peer!: ModelArray;
  reachable = true;
  /** Between the arrays: acquisition and copies. */
  linked = true;
  ringRecords = 1_000;
  /** Questions that pass before an acquisition order reaches the peer. */
  contactDelay = 0;
  /** Records and chunks that background work gets done between two questions of the host. */
  recordsPerTurn = 2;
  /** Turns that a copy takes. */
  copyTurns = 3;
  volume: string[] = [];
  group: ModelGroup | undefined;
  private generations = 0;

  constructor(array: string, serial: string, hooks: ModelHooks) {
    this.array = array;
    this.serial = serial;
    this.hooks = hooks;
  }

  /** A host write; false where the array does not take it. */
  write(id: string): boolean {
    const { group } = this;
    if (group && (group.role !== 'primary' || group.fencedUntilMs > this.hooks.nowMs())) return false;
    if (group && group.reason === 'none' && group.records.length >= this.ringRecords)
      this.suspend(group, 'journal-full');
    if (group?.reason === 'none') group.records.push(id);
    else if (group) {
      if (!group.tracking) this.beginGeneration(group, lastOf(group));
      group.tracking = true;
      group.different += 1;
    }
    this.volume.push(id);
    return true;
  }

  suspend(group: ModelGroup, reason: SuspendReason): void {
    if (group.reason !== 'none') return;
    group.reason = reason;
    if (group.role === 'auxiliary') group.toBeRead = group.read;
    else {
      group.different += group.records.length;
      group.purged += group.records.length;
      group.records = [];
    }
  }

  beginGeneration(group: ModelGroup, startSequence: number): void {
    this.generations += 1;
    const generation = Buffer.from(`${this.array.slice(0, 4)}${String(this.generations).padStart(4, '0')}`).toString(
      'hex',
    );
    group.lineage = [...group.lineage, { generation, startSequence }];
  }

  /** One turn of background work of an auxiliary. */
  work(): void {
    const { group } = this;
    const source = this.peer.group;
    if (!group || group.role !== 'auxiliary') return;
    this.restoreSome(group);
    if (!this.linked || !source || group.reason !== 'none') return;
    if (source.role !== 'primary') return;
    if (source.reason !== 'none') {
      if (group.following && group.toBeRead > group.read) this.suspend(group, 'peer-suspended');
      return;
    }
    if (!group.following) this.meet(group, source);
    else if (group.contact || group.toBeRead > group.read) this.acquireSome(group, source);
    if (group.following && group.copying && group.copyLeft > 0) this.copySome(group, source);
  }

  private meet(group: ModelGroup, source: ModelGroup): void {
    if (group.expected !== '' && group.expected !== generationOf(source)) return;
    Object.assign(group, { following: true, lineage: source.lineage, expected: '' });
    Object.assign(group, {
      read: source.purged,
      toBeRead: source.purged,
      restored: source.purged,
      toBeRestored: source.purged,
    });
    group.records = [];
    group.purged = source.purged;
  }

  private acquireSome(group: ModelGroup, source: ModelGroup): void {
    if (
      group.read < source.purged ||
      !isAncestor({ generation: generationOf(group), sequence: group.read }, source.lineage)
    ) {
      return this.suspend(group, 'peer-suspended');
    }
    if (group.contactTurns > 0) {
      group.contactTurns -= 1;
      return;
    }
    group.contact = false;
    group.lineage = source.lineage;
    const room = this.ringRecords - (group.read - group.restored);
    const wanted = Math.min(group.toBeRead, lastOf(source)) - group.read;
    const count = Math.max(0, Math.min(this.recordsPerTurn, room, wanted));
    group.records.push(...source.records.slice(group.read - source.purged, group.read - source.purged + count));
    group.read += count;
    if (count === 0 && group.toBeRestored === group.restored) group.toBeRead = group.read;
    Object.assign(group, { peerSeen: lastOf(source), peerSeenMs: this.hooks.nowMs() });
  }

  private copySome(group: ModelGroup, source: ModelGroup): void {
    group.copyLeft -= 1;
    if (group.copyLeft > 0) return;
    group.consistentFrom = lastOf(source);
    group.copied = [...this.peer.volume];
    Object.assign(group, { peerSeen: lastOf(source), peerSeenMs: this.hooks.nowMs() });
  }

  private restoreSome(group: ModelGroup): void {
    const count = Math.min(this.recordsPerTurn, group.toBeRestored - group.restored);
    const from = group.restored - group.purged;
    const records = group.records.slice(from, from + count);
    group.restored += count;
    if (!group.copying) this.volume.push(...records);
    if (group.copying && group.copied && group.restored >= group.consistentFrom) this.endCopy(group);
  }

  /** The copy held everything up to `consistentFrom`; what was restored beyond comes after it. */
  private endCopy(group: ModelGroup): void {
    const beyond = group.records.slice(group.consistentFrom - group.purged, group.restored - group.purged);
    this.volume = [...(group.copied ?? []), ...beyond];
    Object.assign(group, { copying: false, copied: undefined });
  }
}

export interface ModelHooks {
  nowMs(): number;
  before(array: ModelArray, operation: string): void;
  after(array: ModelArray, operation: string): void;
}

export interface ModelGroup {
  role: 'primary' | 'auxiliary';
  reason: SuspendReason;
  lineage: readonly LineageEntry[];
  pairs: PairRow[];
  /** Kept records; the first has number `purged` + 1. */
  records: string[];
  purged: number;
  read: number;
  toBeRead: number;
  restored: number;
  toBeRestored: number;
  peerSeen: number;
  peerSeenMs: number;
  following: boolean;
  expected: string;
  contact: boolean;
  contactTurns: number;
  tracking: boolean;
  different: number;
  /** State copy instead of pair; on the primary until a purge says that the copy has ended. */
  copying: boolean;
  copyLeft: number;
  copied: string[] | undefined;
  consistentFrom: number;
  fencedUntilMs: number;
}

export const lastOf = (group: ModelGroup): number => group.purged + group.records.length;
export const generationOf = (group: ModelGroup): string => group.lineage.at(-1)?.generation ?? '0'.repeat(16);
