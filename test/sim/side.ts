import type { GroupState } from '../../src/array/store/array-state.ts';
import type { Ring } from './checkers/ring.ts';
import type { SimDisk } from './disk.ts';
import type { DiskWatcher } from './disk-watcher.ts';
import type { LostPlace } from './rotten-journals.ts';
import { createHistory, type History, type Image, type Write } from './history.ts';
import type { StatePeek } from './state-peek.ts';
import { SimFailure } from './verdict.ts';

const NO_RING: Ring = { stored: () => [], recordLimit: 0, blocks: 0 };
export const NOTHING_HELD = { generation: '', sequence: 0 } as const;

export type Role = 'simplex' | 'primary' | 'auxiliary';

/** One group at one array as the checkers see it from outside: its files, its committed tables, and what was answered. */
export interface Side {
  /** Of the array; with several groups, of the group too. */
  readonly name: string;
  readonly groupName: string;
  /** The group's volumes have this LUN and the next ones. */
  readonly firstLun: number;
  readonly journalLun: number;
  readonly serial: string;
  readonly disk: SimDisk;
  readonly peek: StatePeek;
  /** Recovered and serving. */
  ready: boolean;
  /** The group as last looked at. */
  group: GroupState | undefined;
  /** The writes that this side leads, or that its volumes are to be a prefix of. */
  history: History;
  readonly inFlight: Set<Write>;
  /** Answered with GOOD here, and covered by no flush here yet. */
  readonly unflushed: Set<Write>;
  /** What hosts wrote to volumes that no pair has while the group was auxiliary here, and no flush has covered. */
  readonly outside: Set<Write>;
  stateChanged: boolean;
  /** How often the group's state, or the storage that holds it, was another one. */
  changes: number;
  /** When the state last was another one, and how many commits have come since. */
  changedMs: number;
  laterCommits: number;
  /** What was flushed last is the log as it was compacted, which is no commit. */
  compacted: boolean;
  /** The array has been down since the group was last looked at. */
  unseen: boolean;
  volumesChanged: boolean;
  /** Since it was last ready its power was cut. */
  cut: boolean;
  /** Rises with each change of role. */
  roleChanges: number;
  /** Rises with each death, and with each older copy that is put back. */
  lives: number;
  /** The operator has said that this side's own writes may be given up. */
  mayDiscard: boolean;
  /** The operator has made it primary without stopping the other. */
  maySplit: boolean;
  /** The operator has accepted volumes here whose copy had not ended. */
  mayMix: boolean;
  /** Its storage came back from an older copy and it has not been looked at yet. */
  cameBack: boolean;
  /** Where what was written may be missing: its record had rotted, and somebody has accepted that. */
  givenUp: LostPlace[];
  /**
   * As an auxiliary: the histories that the other side led before and after it came back from an older copy, since this one was told
   * whom to follow. It may have followed any of them.
   */
  forks: History[];
  /** Its history begins with whatever its volumes show next. */
  needsBase: boolean;
  /** As an auxiliary: the most that it ever held durably of the generation, until its group is dissolved. */
  held: { readonly generation: string; readonly sequence: number };
  /** What its journal holds. */
  ring: Ring;
  /** What its volumes held when they were last looked at. */
  image: Image;
  /** Reads the volumes of the array that runs now, as a host would. */
  look: () => Promise<Image>;
}

export function createSide(
  parts: Pick<Side, 'name' | 'groupName' | 'firstLun' | 'journalLun' | 'serial' | 'disk' | 'peek'> & {
    volumes: number;
    sectors: number;
  },
): Side {
  const { volumes, sectors, ...place } = parts;
  const empty = Array.from({ length: volumes }, () => new Uint32Array(sectors));
  return {
    ...place,
    ready: false,
    group: undefined,
    history: createHistory(place.name, empty),
    inFlight: new Set(),
    unflushed: new Set(),
    outside: new Set(),
    stateChanged: false,
    changes: 0,
    changedMs: 0,
    laterCommits: 0,
    compacted: false,
    unseen: false,
    volumesChanged: false,
    cut: false,
    roleChanges: 0,
    lives: 0,
    mayDiscard: false,
    maySplit: false,
    mayMix: false,
    cameBack: false,
    givenUp: [],
    forks: [],
    needsBase: false,
    held: NOTHING_HELD,
    ring: NO_RING,
    image: empty,
    look: () => Promise.resolve(empty),
  };
}

/** Tells an array's sides what its storage takes in: the log of tables is common to them, each volume belongs to one. */
export function watchSides(peek: StatePeek, sides: readonly Side[]): DiskWatcher {
  return {
    written(file, offset, data) {
      if (isStateLog(file)) peek.written(file, offset, data);
      else for (const side of sides) if (volumeAt(side, lunOf(file)) >= 0) side.volumesChanged = true;
    },
    truncated(file, size) {
      if (isStateLog(file)) peek.truncated(size);
    },
    flushed(file) {
      if (!isStateLog(file)) return;
      peek.flushed();
      for (const side of sides) {
        side.stateChanged = true;
        side.compacted = file === COMPACTED;
      }
    },
  };
}

function lunOf(file: string): number {
  return Number(/^lun-(\d+)\./.exec(file)?.[1] ?? -1);
}

/** Which of the group's volumes has the LUN here; -1: none. */
export function volumeAt(side: Side, lun: number): number {
  const volume = lun - side.firstLun;
  return volume >= 0 && volume < side.image.length ? volume : -1;
}

const COMPACTED = 'state.new';

/** A compacted log goes on in the file that was renamed over the old one. */
function isStateLog(file: string): boolean {
  return file === 'state' || file === COMPACTED;
}

export function groupOf(side: Side): GroupState | undefined {
  return side.peek.state()?.groups.find(({ name }) => name === side.groupName);
}

export function roleOf(group: GroupState | undefined): Role {
  return group?.role ?? 'simplex';
}

/** The array's own tables give the group's journal and volumes to it alone, and nothing else to it. */
export function checkPlaces(side: Side): void {
  for (const group of side.peek.state()?.groups ?? []) {
    const isOwn = group.name === side.groupName;
    const volumes = volumesOf(side, group).filter((volume) => volume >= 0 && volume < side.image.length);
    const hasJournal = group.localJournalLun === side.journalLun;
    if (isOwn ? hasJournal && volumes.length === group.pairs.length : !hasJournal && volumes.length === 0) continue;
    const pairs = group.pairs.map(({ primaryLun, auxiliaryLun }) => `${primaryLun}-${auxiliaryLun}`).join(', ');
    const what = `journal ${group.localJournalLun} and pairs ${pairs} are in group ${group.name}`;
    throw new SimFailure('own-place', `${side.name}: ${what}`);
  }
}

/** As the product's own tables say it: the auxiliary may be read, and taken over. */
export function isConsistentAuxiliary(group: GroupState | undefined): boolean {
  return group?.role === 'auxiliary' && group.pairs.length > 0 && group.pairs.every((pair) => pair.progress === 'pair');
}

/** Indices of the volumes that are in pairs of the group. */
export function volumesOf(side: Side, group: GroupState | undefined): number[] {
  const isPrimary = group?.role === 'primary';
  return (group?.pairs ?? []).map((pair) => (isPrimary ? pair.primaryLun : pair.auxiliaryLun) - side.firstLun);
}
