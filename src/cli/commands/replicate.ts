import { createHash } from 'node:crypto';
import { runCycle, suspendedDuring } from '../../replication/cycle.ts';
import type { GroupDefinition } from '../../replication/definition.ts';
import { drainGroup } from '../../replication/drain.ts';
import type { ReplicationEvent } from '../../replication/events.ts';
import { CliError, usageError } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { classOfSeveral, type ExitClassName } from '../exit-classes.ts';
import { failureOf, type Failure } from '../failure.ts';
import { pauseUntil } from '../pause.ts';
import { plannedBlocks, type PlannedBlock } from '../planned-blocks.ts';
import type { LockResult } from '../services.ts';
import { withSite, type Site } from '../site.ts';
import { groupNamed, replicationContext, showProgress } from '../with-group.ts';

interface Request {
  readonly group: readonly string[];
  readonly once?: boolean;
  readonly interval?: number;
  readonly untilEmpty?: boolean;
}

export interface Replicate {
  readonly groups: readonly GroupTotals[];
}

/** What was done to one group over all its cycles. */
export interface GroupTotals {
  readonly group: string;
  readonly cycles: number;
  readonly recordsAcquired: number;
  readonly recordsPurged: number;
  /** Journal space. */
  readonly bytes: number;
  readonly changed: boolean;
  /** Everything restored, journal empty, all pairs following, when it was last looked at. */
  readonly complete: boolean;
  readonly plan?: readonly PlannedBlock[];
  readonly error?: Failure;
}

const INTERVAL_MS = 5000;
/** A shorter pause would keep the arrays busy with commands that find nothing to do. */
const SHORTEST_INTERVAL_MS = 100;
/** Failures that the next cycle may not see again; with any other the group alone is no reason to go on. */
const PASSING: readonly ExitClassName[] = [
  'no-path',
  'timeout',
  'busy',
  'outcome-unknown',
  'does-not-hold',
  'refused',
  'partial',
];

/** Holds the lock of every group before the first cycle, so that overlapping runs exclude each other. */
export async function run(request: Request, context: CommandContext): Promise<CommandResult<Replicate>> {
  if (request.interval !== undefined && request.interval < SHORTEST_INTERVAL_MS) {
    throw usageError(
      'the interval is too short',
      `${request.interval} ms, at least ${SHORTEST_INTERVAL_MS} ms`,
      'give --interval 100ms or more, or --until-empty to go on without a pause until nothing is left',
    );
  }
  return withSite(context, async (site) => {
    const groups = [...new Set(request.group)].map((name) => groupNamed(site, name));
    const locks = context.dryRun ? [] : await lockAll(context, site, groups);
    try {
      const service = new Service(groups, context.stop);
      const totals = await Promise.all(groups.map((group) => replicateGroup(request, context, site, group, service)));
      return resultOf(totals);
    } finally {
      await Promise.all(locks.map((lock) => lock.release()));
    }
  });
}

type HeldLock = Extract<LockResult, { held: true }>;

async function lockAll(context: CommandContext, site: Site, groups: readonly GroupDefinition[]): Promise<HeldLock[]> {
  const locks = await context.services.locks();
  const held: HeldLock[] = [];
  for (const group of groups) {
    const lock = await locks.acquire(lockName(site, group), `replicate ${group.name}`);
    if (lock.held) held.push(lock);
    else {
      await Promise.all(held.map((each) => each.release()));
      throw lockedBy(group.name, lock.holder);
    }
  }
  return held;
}

/** The same for every configuration of an installation that means the same group on the same arrays. */
function lockName(site: Site, group: GroupDefinition): string {
  const serials = group.arrays.map((array) => site.configuration.arrays.get(array)!.serial).sort();
  const hash = createHash('sha256')
    .update([site.configuration.installation ?? '', ...serials, group.name].join('\0'))
    .digest('hex');
  return `replicate-${hash.slice(0, 32)}`;
}

function lockedBy(group: string, holder: Extract<LockResult, { held: false }>['holder']): CliError {
  const who = holder ? `process ${holder.pid} (cdctl ${holder.command}) since ${holder.since}` : 'another process';
  return new CliError(
    'busy',
    {
      what: `group ${group} is being replicated already`,
      where: `this machine, group ${group}`,
      why: `${who} holds the lock`,
      next: holder ? `let it go on, or end it: kill ${holder.pid}` : 'run it again',
    },
    holder ? { holder } : {},
  );
}

async function replicateGroup(
  request: Request,
  context: CommandContext,
  site: Site,
  group: GroupDefinition,
  service: Service,
): Promise<GroupTotals> {
  const loop = new GroupLoop(context, site, group);
  if (context.dryRun) return loop.plan();
  if (request.untilEmpty) return loop.untilEmpty();
  if (request.once) return loop.once();
  return loop.forEver(request.interval ?? INTERVAL_MS, service);
}

/**
 * The loops of one command. One that a person has to help (split brain, say) goes on looking while others work, because nobody starts
 * it again when it has been helped: the process is still there. Where none works any more all end, and the exit code tells.
 */
class Service {
  readonly #working: Set<GroupDefinition>;
  readonly #over = new AbortController();
  /** Raised by the stop signal, or once no group works any more. */
  readonly ended: AbortSignal;

  constructor(groups: readonly GroupDefinition[], stop: AbortSignal) {
    this.#working = new Set(groups);
    this.ended = AbortSignal.any([stop, this.#over.signal]);
  }

  report(group: GroupDefinition, works: boolean): void {
    if (works) this.#working.add(group);
    else this.#working.delete(group);
    if (this.#working.size === 0) this.#over.abort();
  }
}

/** Cycles of one group, with what they moved in total. */
class GroupLoop {
  readonly #context: CommandContext;
  readonly #site: Site;
  readonly #group: GroupDefinition;
  #totals: GroupTotals;

  constructor(context: CommandContext, site: Site, group: GroupDefinition) {
    this.#context = context;
    this.#site = site;
    this.#group = group;
    this.#totals = {
      group: group.name,
      cycles: 0,
      recordsAcquired: 0,
      recordsPurged: 0,
      bytes: 0,
      changed: false,
      complete: false,
    };
  }

  async plan(): Promise<GroupTotals> {
    const { plan } = await runCycle(this.#replication(), this.#group, { dryRun: true });
    return { ...this.#totals, plan: plannedBlocks(plan, this.#site, this.#context) };
  }

  async once(): Promise<GroupTotals> {
    try {
      await this.#cycle();
    } catch (error) {
      this.#failed(error);
    }
    return this.#totals;
  }

  async untilEmpty(): Promise<GroupTotals> {
    try {
      const { cycles, recordsAcquired, recordsPurged, bytes, changed, complete } = await drainGroup(
        this.#replication(),
        this.#group,
      );
      this.#totals = { ...this.#totals, cycles, recordsAcquired, recordsPurged, bytes, changed, complete };
    } catch (error) {
      this.#failed(error);
    }
    return this.#totals;
  }

  /** Until the service ends; a failure is reported and tried again after the interval. */
  async forEver(intervalMs: number, service: Service): Promise<GroupTotals> {
    while (!service.ended.aborted) {
      await this.once();
      const { error, ...rest } = this.#totals;
      const works = error === undefined || PASSING.includes(error.class);
      service.report(this.#group, works);
      await pauseUntil(this.#context.services.clock, intervalMs, service.ended);
      // What a person has to see is not over because time has passed.
      if (works || !service.ended.aborted) this.#totals = rest;
    }
    return this.#totals;
  }

  async #cycle(): Promise<void> {
    const { cycle, changed } = await runCycle(this.#replication(), this.#group);
    if (!cycle) return;
    const { recordsAcquired, recordsPurged, bytes = 0 } = cycle.figures;
    const before = this.#totals;
    this.#totals = {
      ...before,
      cycles: before.cycles + 1,
      recordsAcquired: before.recordsAcquired + recordsAcquired,
      recordsPurged: before.recordsPurged + recordsPurged,
      bytes: before.bytes + bytes,
      changed: before.changed || changed,
      complete: cycle.complete,
    };
    // Nothing is carried over any more: cron and the log of a service have to hear of it.
    if (cycle.suspended) throw suspendedDuring(`cycle ${this.#group.name}`, this.#group, cycle);
  }

  #failed(error: unknown): void {
    if (this.#context.abort.aborted) throw error;
    const failure = failureOf(error, `replicate ${this.#group.name}`);
    this.#totals = { ...this.#totals, complete: false, error: failure };
    this.#context.emit({ event: 'cycle-failed', group: this.#group.name, error: failure });
  }

  #replication() {
    return replicationContext(this.#context, this.#site, (event) => this.#report(event));
  }

  /** Every step on the NDJSON stream; on a terminal the spinner, and a line for each cycle that moved something. */
  #report(event: ReplicationEvent): void {
    const { kind, ...details } = event;
    this.#context.emit({ event: kind, ...details });
    showProgress(this.#context, event);
  }
}

function resultOf(groups: readonly GroupTotals[]): CommandResult<Replicate> {
  const changed = groups.some((group) => group.changed);
  const failed = groups.filter((group) => group.error !== undefined);
  const exit = classOfSeveral(groups.map(({ error }): ExitClassName => error?.class ?? 'done'));
  if (failed.length === 0) return { changed, data: { groups } };
  const [first] = failed;
  const { what, where, why, next } = first!.error!;
  const others = failed.length > 1 ? ` (and ${failed.length - 1} more)` : '';
  return { changed, data: { groups }, exit, note: { what: `${what}${others}`, where, why, next } };
}
