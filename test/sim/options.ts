import { AMBUSHED } from './ambush.ts';
import { createDraws, type Draws } from './randomness.ts';
import { LATER_TUNABLES, TUNABLES, type Tunable } from './tunables.mjs';

/** What one seed plays: every knob is drawn, so that small rings, slow lines and quiet hosts all have their turn. */
export interface SimOptions {
  readonly ringRecords: number;
  /** Each with journals, volumes, loops and an operator of its own; see `layout.ts`. */
  readonly groups: number;
  /** Of each group. */
  readonly volumes: number;
  readonly sectors: number;
  readonly applications: number;
  readonly depth: number;
  readonly thinkMs: number;
  readonly longestWrite: number;
  readonly latencyMs: number;
  readonly flushMs: number;
  readonly stallRate: number;
  readonly garbage: boolean;
  readonly loops: number;
  readonly loopPauseMs: number;
  /** Virtual time during which anything may fail. */
  readonly chaosMs: number;
  /** Mean time between faults of a kind; 0: never. */
  readonly killEveryMs: number;
  readonly powerCutEveryMs: number;
  readonly linkEveryMs: number;
  readonly operatorEveryMs: number;
  readonly loss: number;
  /** The operator may give up a side's own writes, take over beside a living peer, dissolve the group. */
  readonly discards: boolean;
  readonly forced: boolean;
  readonly deletes: boolean;
  /** Chaos begins with the copy instead of after it. */
  readonly early: boolean;
  /** Hosts and arrays speak iSCSI over byte streams; otherwise single SCSI commands travel. */
  readonly bytes: boolean;
  /** Mean time between connections that break or fall silent. */
  readonly streamFaultEveryMs: number;
  /** How often an application deallocates where it would write. */
  readonly deallocateRate: number;
  /** Mean time between writes that fail; 0: never. */
  readonly diskFaultEveryMs: number;
  /** Flushes fail too, and from then on for as long as the array runs. */
  readonly flushFaults: boolean;
  /** Reads fail too, and disks are full for a while. */
  readonly readFaults: boolean;
  /** Mean time between arrays that stand still, or whose wall clock is moved; 0: never. */
  readonly pauseEveryMs: number;
  /** Mean time between copies of an array's storage, and between those that are put back; 0: never. */
  readonly olderCopyEveryMs: number;
  /** The operator now and then accepts volumes whose copy had not ended. */
  readonly mixtures: boolean;
  /** Mean time between sectors that rot; 0: never. */
  readonly rotEveryMs: number;
  /** Mean time between commands that somebody sends past the verbs and their rules; 0: never. */
  readonly rawOrderEveryMs: number;
  /** Mean time between flushes that somebody lies in wait for, to cut the power within or right behind them; 0: never. */
  readonly ambushEveryMs: number;
  /** Of which files: the start of their names, or any. */
  readonly ambushAt: string;
  /** How often a command on its way takes a hundred times as long. */
  readonly delayRate: number;
  /** How often a host sends a command twice at once. */
  readonly doubleRate: number;
  /** Mean time between orders of somebody who acquires and purges, and restores nothing; 0: never. */
  readonly hoardEveryMs: number;
  /** How often an application sends any command that reads or changes a volume, instead of a plain READ or WRITE. */
  readonly commandRate: number;
  /** Each array has the volumes of the other as virtual ones, and applications use them. */
  readonly mapped: boolean;
  /** Mean time between hosts that reset a unit, or reserve it and die; 0: never. */
  readonly upheavalEveryMs: number;
  /** Mean time between things that a stranger sends, which nobody should; 0: never. */
  readonly strangerEveryMs: number;
  /** Constants of the product that have another value in this seed; see `tunables.mjs`. */
  readonly tunables: Readonly<Record<string, number>>;
}

/** As seeds were played that the corpus remembers: `first`, `wide`, `whole`, `aimed`, then `every`. Knobs that came later have streams of their own. */
export type Swarm = 'first' | 'wide' | 'whole' | 'aimed' | 'every';

function drawLaterOptions(
  seed: number,
): Pick<SimOptions, 'bytes' | 'streamFaultEveryMs' | 'deallocateRate' | 'diskFaultEveryMs'> {
  const lines = createDraws(seed, 'options-bytes');
  const deallocations = createDraws(seed, 'options-deallocations');
  return {
    bytes: lines.chance(0.25),
    streamFaultEveryMs: lines.pick([0, 100, 400, 2_000]),
    deallocateRate: deallocations.pick([0, 0.05, 0.3]),
    diskFaultEveryMs: createDraws(seed, 'options-disks').pick([0, 0, 300, 1_500]),
  };
}

const NARROW = {
  groups: 1,
  flushFaults: false,
  readFaults: false,
  pauseEveryMs: 0,
  olderCopyEveryMs: 0,
  mixtures: false,
  rotEveryMs: 0,
  rawOrderEveryMs: 0,
  ambushEveryMs: 0,
  ambushAt: '',
  delayRate: 0,
  doubleRate: 0,
  hoardEveryMs: 0,
  commandRate: 0,
  mapped: false,
  upheavalEveryMs: 0,
  strangerEveryMs: 0,
  tunables: {},
} as const;

function drawWideOptions(seed: number): Partial<SimOptions> {
  const draws = createDraws(seed, 'options-wide');
  return {
    flushFaults: draws.chance(0.5),
    readFaults: draws.chance(0.5),
    pauseEveryMs: draws.pick([0, 0, 200, 1_000]),
    bytes: draws.chance(0.1),
    mixtures: createDraws(seed, 'options-mixtures').chance(0.15),
    olderCopyEveryMs: createDraws(seed, 'options-older').pick([0, 0, 0, 0, 0, 400, 1_500]),
    ...(draws.chance(0.2) ? { volumes: 4 } : {}),
    ...(draws.chance(0.2) ? { applications: 4 } : {}),
    ...(draws.chance(0.2) ? { depth: 8 } : {}),
    tunables: draws.chance(0.25) ? drawTunables(draws, TUNABLES) : {},
  };
}

function drawTunables(draws: Draws, tunables: readonly Tunable[]): Record<string, number> {
  const drawn = tunables.filter(() => draws.chance(0.4));
  return Object.fromEntries(drawn.map(({ name, values }) => [name, draws.pick(values)]));
}

function drawWholeOptions(seed: number): Partial<SimOptions> {
  return {
    rotEveryMs: createDraws(seed, 'options-rot').pick([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 200, 1_000]),
    groups: createDraws(seed, 'options-groups').pick([1, 1, 1, 1, 1, 1, 1, 1, 2, 3]),
  };
}

function drawAimedOptions(seed: number, tunables: SimOptions['tunables']): Partial<SimOptions> {
  const draws = createDraws(seed, 'options-aimed');
  return {
    ambushEveryMs: draws.pick([0, 0, 0, 0, 100, 500]),
    ambushAt: draws.pick(AMBUSHED),
    delayRate: draws.pick([0, 0, 0, 0.002, 0.02]),
    doubleRate: draws.pick([0, 0, 0.05, 0.3]),
    hoardEveryMs: draws.pick([0, 0, 0, 0, 0, 20, 200]),
    tunables: draws.chance(0.25) ? { ...tunables, ...drawTunables(draws, LATER_TUNABLES) } : tunables,
  };
}

function drawEveryOptions(seed: number): Partial<SimOptions> {
  const draws = createDraws(seed, 'options-every');
  return {
    commandRate: draws.pick([0, 0.1, 0.3, 0.6]),
    mapped: draws.chance(0.3),
    upheavalEveryMs: draws.pick([0, 0, 0, 100, 500]),
    strangerEveryMs: draws.pick([0, 0, 0, 20, 100]),
  };
}

export function drawOptions(seed: number, swarm: Swarm = 'every'): SimOptions {
  const options = drawUnaimed(seed, swarm);
  if (swarm !== 'aimed' && swarm !== 'every') return options;
  const aimed = { ...options, ...drawAimedOptions(seed, options.tunables) };
  return swarm === 'every' ? { ...aimed, ...drawEveryOptions(seed) } : aimed;
}

function drawUnaimed(seed: number, swarm: Swarm): SimOptions {
  const draws = createDraws(seed, 'options');
  const rarely = (values: readonly number[]): number => (draws.chance(0.4) ? 0 : draws.pick(values));
  return {
    ringRecords: draws.pick([2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 64, 128, 512, 512]),
    volumes: draws.between(1, 3),
    sectors: draws.pick([128, 256, 384]),
    applications: draws.between(1, 3),
    depth: draws.between(1, 4),
    thinkMs: draws.pick([10, 50, 200, 200]),
    longestWrite: draws.pick([1, 4, 8, 24]),
    latencyMs: draws.pick([0.2, 1, 1, 5]),
    flushMs: draws.pick([0.1, 0.5, 3]),
    stallRate: draws.pick([0, 0, 0.01]),
    garbage: draws.chance(0.5),
    loops: draws.between(1, 2),
    loopPauseMs: draws.pick([5, 50, 200]),
    chaosMs: draws.pick([500, 2_000, 5_000]),
    killEveryMs: rarely([200, 800, 3_000]),
    powerCutEveryMs: rarely([200, 800, 3_000]),
    linkEveryMs: rarely([200, 800, 3_000]),
    operatorEveryMs: draws.pick([0, 30, 100, 100, 400]),
    loss: draws.pick([0, 0, 0, 0.005, 0.03]),
    discards: draws.chance(0.4),
    forced: draws.chance(0.4),
    deletes: draws.chance(0.15),
    early: draws.chance(0.3),
    ...drawLaterOptions(seed),
    ...NARROW,
    ...(swarm === 'first' ? {} : drawWideOptions(seed)),
    ...(swarm === 'first' || swarm === 'wide' ? {} : drawWholeOptions(seed)),
  };
}
