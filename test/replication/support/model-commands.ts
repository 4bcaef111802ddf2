import { CommandError } from '../../../src/host/command-error.ts';
import type { ArrayOperations, JournalStatus, PairRow, Resync, Swap } from '../../../src/host/operations.ts';
import { isAncestor } from '../../../src/interface-block/lineage.ts';
import type { GroupChange } from '../../../src/interface-block/process-table.ts';
import type { StatusName } from '../../../src/interface-block/status.ts';
import { generationOf, lastOf, type ModelArray, type ModelGroup } from './model-array.ts';
import { EMPTY_JOURNAL, EMPTY_PAIR } from './rows.ts';

/** The operations that the replication code sees, with the faults that a test asks for. */
export function modelOperations(model: ModelArray): ArrayOperations {
  const commands = new Commands(model);
  const names = Object.getOwnPropertyNames(Commands.prototype).filter((name) => name !== 'constructor');
  const guarded = names.map((name) => [name, guard(model, name, commands)]);
  return { array: model.array, serial: model.serial, ...Object.fromEntries(guarded) } as ArrayOperations;
}

function guard(model: ModelArray, name: string, commands: Commands): (...parameters: unknown[]) => Promise<unknown> {
  const method = (commands as unknown as Record<string, (...parameters: unknown[]) => unknown>)[name]!;
  return async (...parameters) => {
    model.hooks.before(model, name);
    if (!model.reachable) throw new CommandError('no-path', model.array, `no path to ${model.array}`);
    const answer = structuredClone(method.apply(commands, parameters));
    model.hooks.after(model, name);
    return answer;
  };
}

/** The commands, each as its row of the process table says. */
class Commands {
  private readonly owner: ModelArray;

  constructor(owner: ModelArray) {
    this.owner = owner;
  }

  createPair(request: Parameters<ArrayOperations['createPair']>[0]): GroupChange {
    const role = request.role === 'primary' ? 'primary' : 'auxiliary';
    const group = this.owner.group ?? newGroup(role);
    if (group.role !== role) refuse('in-use', 'other role');
    const formed = group.pairs.some((pair) => pair.pair === request.pair);
    if (formed) return answer(group, false);
    if (!this.owner.group && role === 'primary') this.owner.beginGeneration(group, 0);
    group.pairs.push({ ...EMPTY_PAIR, ...request, role, slot: group.pairs.length });
    Object.assign(group, { copying: true, copyLeft: request.noCopy ? 1 : this.owner.copyTurns, copied: undefined });
    this.owner.group = group;
    return answer(group, true);
  }

  showPairs(): PairRow[] {
    this.owner.work();
    const group = need(this.owner);
    const consistent = group.role === 'primary' || !group.copying;
    const copiedChunks = Math.max(0, 3 - group.copyLeft);
    const facts = { role: group.role, state: stateOf(group), suspendReason: group.reason, consistent, copiedChunks };
    return group.pairs.map((pair) => ({
      ...pair,
      ...facts,
      differentChunks: group.different,
      consistentFrom: group.consistentFrom,
    }));
  }

  splitGroup(): GroupChange {
    const group = need(this.owner);
    const changed = group.reason === 'none';
    this.owner.suspend(group, 'split');
    return answer(group, changed);
  }

  resyncGroup({ role, discard, generation, lineage }: Resync): GroupChange {
    const group = need(this.owner);
    if (role === 'primary') {
      if (group.role !== 'primary') refuse('wrong-state', 'not primary');
      if (group.reason === 'none') return answer(group, false);
      Object.assign(group, { reason: 'none', tracking: false, copying: true });
      return answer(group, true);
    }
    const already = group.following ? generationOf(group) === generation : group.expected === generation;
    if (group.role === 'auxiliary' && group.reason === 'none' && already) return answer(group, false);
    const sequence = group.role === 'primary' ? lastOf(group) : group.read;
    if (!discard && group.lineage.length > 0 && !isAncestor({ generation: generationOf(group), sequence }, lineage)) {
      refuse('split-brain', 'own writes');
    }
    Object.assign(group, {
      role: 'auxiliary',
      reason: 'none',
      following: false,
      expected: generation,
      tracking: false,
    });
    Object.assign(group, {
      copying: true,
      copied: undefined,
      copyLeft: this.owner.copyTurns,
      consistentFrom: 0,
      different: 0,
    });
    return answer(group, true);
  }

  deletePair(_name: string, pair = ''): GroupChange {
    const { group } = this.owner;
    if (!group) return answer(undefined, false);
    const rest = group.pairs.filter((row) => pair !== '' && row.pair !== pair);
    const changed = rest.length < group.pairs.length;
    group.pairs = rest;
    if (rest.length === 0) this.owner.group = undefined;
    return answer(this.owner.group, changed);
  }

  swapGroup({ role, generation, sequence }: Swap): GroupChange {
    const group = need(this.owner);
    if (group.role === role) return answer(group, false, sequence);
    if (group.reason !== 'none' || group.copying) refuse('wrong-state', 'not in state pair');
    const last = group.role === 'primary' ? lastOf(group) : group.read;
    if (generationOf(group) !== generation || last !== sequence) refuse('moved-on', `the last write is ${last}`);
    if (role === 'primary') {
      if (group.restored !== group.read) refuse('wrong-state', 'restore first');
      Object.assign(group, { role, records: [], purged: group.restored });
      this.owner.beginGeneration(group, sequence);
    } else {
      Object.assign(group, {
        role,
        records: [],
        purged: last,
        read: last,
        toBeRead: last,
        restored: last,
        toBeRestored: last,
      });
      Object.assign(group, { following: true, peerSeen: 0, peerSeenMs: 0, fencedUntilMs: 0 });
    }
    return answer(group, true, sequence);
  }

  takeOver({ acceptInconsistent }: { acceptInconsistent: boolean }): GroupChange {
    const group = need(this.owner);
    if (group.role === 'primary') return answer(group, false);
    if (group.copying && !acceptInconsistent) refuse('unsafe', 'copy not ended');
    if (group.restored !== group.read) refuse('wrong-state', 'restore first');
    Object.assign(group, { role: 'primary', reason: 'takeover', tracking: true, records: [], purged: group.restored });
    // A mixture is no later state of anything.
    if (group.copying) group.lineage = [];
    this.owner.beginGeneration(group, group.restored);
    return answer(group, true, group.restored);
  }

  fence({ leaseMs }: { leaseMs: number }): GroupChange {
    const group = need(this.owner);
    group.fencedUntilMs = leaseMs === 0 ? 0 : this.owner.hooks.nowMs() + leaseMs;
    return answer(group, false);
  }

  showJournal(name: string): JournalStatus {
    this.owner.work();
    const group = need(this.owner);
    const primary = group.role === 'primary';
    const [restored, read] = primary ? [group.purged, group.purged] : [group.restored, group.read];
    return {
      ...EMPTY_JOURNAL,
      group: name,
      role: group.role,
      state: stateOf(group),
      suspendReason: group.reason,
      consistent: primary || !group.copying,
      peerSerial: this.owner.peer.serial,
      generation: generationOf(group),
      lastGeneration: generationOf(group),
      lineage: group.lineage,
      journalOutSequence: group.purged + 1,
      journalInSequence: lastOf(group) + 1,
      restoredSequence: restored,
      toBeRestoredSequence: primary ? restored : group.toBeRestored,
      readSequence: read,
      toBeReadSequence: primary ? read : group.toBeRead,
      peerSeenSequence: group.peerSeen,
      peerSeenWallMs: group.peerSeenMs,
      readProof: read + 7,
    };
  }

  acquire({ toSequence }: { toSequence: number }): GroupChange {
    const group = need(this.owner);
    if (group.role !== 'auxiliary' || group.reason !== 'none') refuse('wrong-state', 'not following');
    if (!group.contact) group.contactTurns = this.owner.contactDelay;
    group.contact = true;
    const changed = group.following && toSequence > group.toBeRead;
    if (changed) group.toBeRead = toSequence;
    return answer(group, changed, group.toBeRead);
  }

  restore({ toSequence }: { toSequence: number }): GroupChange {
    const group = need(this.owner);
    if (group.role !== 'auxiliary') refuse('wrong-state', 'not auxiliary');
    if (toSequence > group.read) refuse('unsafe', 'not acquired');
    const changed = toSequence > group.toBeRestored;
    if (changed) group.toBeRestored = toSequence;
    return answer(group, changed, group.toBeRestored);
  }

  purge({ toSequence, generation, proof, copiedPairs }: Parameters<ArrayOperations['purge']>[0]): GroupChange {
    const group = need(this.owner);
    if (group.role !== 'primary' || group.reason !== 'none') refuse('wrong-state', 'not storing');
    if (generation !== generationOf(group)) refuse('moved-on', 'another generation');
    if (toSequence > lastOf(group) || proof !== toSequence + 7) refuse('unsafe', 'not proven');
    const learned = group.copying && BigInt(`0x${copiedPairs}`) === (1n << BigInt(group.pairs.length)) - 1n;
    if (learned) Object.assign(group, { copying: false, different: 0 });
    const freed = Math.max(0, toSequence - group.purged);
    group.records.splice(0, freed);
    group.purged += freed;
    return answer(group, freed > 0 || learned, toSequence);
  }

  listVolumes(): readonly never[] {
    return [];
  }

  showArray(): never {
    return refuse('unknown-process', 'not part of the model');
  }

  listCommandDevices(): readonly never[] {
    return [];
  }

  queryRequest(): never {
    return refuse('unknown-process', 'not part of the model');
  }
}

function refuse(status: StatusName, message: string): never {
  throw new CommandError('refused', 'model', message, { status });
}

function need(owner: ModelArray): ModelGroup {
  return owner.group ?? refuse('not-found', 'no such group');
}

function answer(group: ModelGroup | undefined, changed: boolean, sequence = 0): GroupChange {
  const { role = 'simplex', reason: suspendReason = 'none' } = group ?? {};
  const generation = group ? generationOf(group) : '0'.repeat(16);
  return { changed, role, state: group ? stateOf(group) : 'simplex', suspendReason, generation, sequence, lba: 0 };
}

function stateOf(group: ModelGroup): 'copy' | 'pair' | 'suspended' {
  if (group.reason !== 'none') return 'suspended';
  return group.copying ? 'copy' : 'pair';
}

function newGroup(role: 'primary' | 'auxiliary'): ModelGroup {
  const zero = {
    purged: 0,
    read: 0,
    toBeRead: 0,
    restored: 0,
    toBeRestored: 0,
    peerSeen: 0,
    peerSeenMs: 0,
    different: 0,
  };
  const flags = { following: role === 'primary', contact: false, contactTurns: 0, tracking: false, copying: false };
  const copy = { copyLeft: 0, copied: undefined, consistentFrom: 0, fencedUntilMs: 0 };
  return { role, reason: 'none', lineage: [], pairs: [], records: [], expected: '', ...zero, ...flags, ...copy };
}
