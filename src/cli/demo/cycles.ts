import { runCycle, type CycleOutcome } from '../../replication/cycle.ts';
import { isPresent, type GroupObservation } from '../../replication/observe.ts';
import { CliError } from '../cli-error.ts';
import { pauseUntil } from '../pause.ts';
import type { Desk } from './desk.ts';
import type { DemoHost } from './host.ts';
import type { Play } from './play.ts';

/** Both sides of every pair follow: the copy has ended. */
export function isPaired({ primaryJournal, auxiliaryJournal }: CycleOutcome): boolean {
  return primaryJournal.state === 'pair' && auxiliaryJournal.state === 'pair';
}

/**
 * The replication loop: cycles of Fig. 16 while the host writes, until `done` says so. Fails where the host ends, the group
 * is suspended, or nothing moves for the time allowed.
 */
export async function cycleUntil(
  play: Play,
  desk: Desk,
  host: DemoHost,
  pauseMs: (cycles: number) => number,
  done: (outcome: CycleOutcome, cycles: number) => boolean,
): Promise<void> {
  const { clock } = play.context.services;
  let stoodAt = -1;
  let movedMs = clock.monotonicMs();
  for (let cycles = 1; ; cycles++) {
    play.requireGoingOn();
    host.requireRunning();
    const outcome = await tellCycle(play, desk);
    if (outcome.suspended) throw suspended(outcome);
    if (done(outcome, cycles)) return;
    const standsAt = progressOf(outcome);
    if (standsAt !== stoodAt) movedMs = clock.monotonicMs();
    else if (clock.monotonicMs() - movedMs > desk.timeoutMs) throw stalled(desk);
    stoodAt = standsAt;
    await pauseUntil(clock, pauseMs(cycles), play.context.stop);
  }
}

/** Chunks while a copy runs, which the host's own writes do not move; then records. */
function progressOf(outcome: CycleOutcome): number {
  if (isPaired(outcome)) return outcome.auxiliaryJournal.readSequence;
  return outcome.copying.reduce((sum, pair) => sum + pair.copiedChunks, 0);
}

async function tellCycle(play: Play, desk: Desk): Promise<CycleOutcome> {
  const { cycle, before } = await runCycle(desk.replication, desk.group);
  const outcome = cycle!;
  const { figures, primaryJournal, auxiliaryJournal, copying } = outcome;
  play.tell({
    event: 'cycle',
    number: play.countCycle(figures, copying),
    figures,
    primaryJournal,
    auxiliaryBefore: journalOf(before, figures.auxiliary) ?? auxiliaryJournal,
    auxiliaryJournal,
    copying,
    acknowledged: desk.group.arrays.reduce((sum, array) => sum + play.ledger.count(array), 0),
  });
  return outcome;
}

function journalOf(observation: GroupObservation, array: string) {
  return observation.sides.filter(isPresent).find((side) => side.array === array)?.journal;
}

function suspended({ primaryJournal, auxiliaryJournal }: CycleOutcome): CliError {
  const reason = primaryJournal.state === 'suspended' ? primaryJournal.suspendReason : auxiliaryJournal.suspendReason;
  return new CliError('does-not-hold', {
    what: 'the group was suspended while it replicated',
    why: reason === 'journal-full' ? 'this machine was too slow: the journal ran full' : `reason: ${reason}`,
    next: 'run it again when the machine is less busy',
  });
}

function stalled(desk: Desk): CliError {
  return new CliError('timeout', {
    what: 'replication does not get on',
    why: `nothing moved for ${desk.timeoutMs} ms`,
    next: 'run it again, with a longer --timeout on a slow machine',
  });
}
