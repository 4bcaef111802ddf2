import { misfitsOf } from '../../replication/misfits.ts';
import { observeGroup } from '../../replication/observe.ts';
import { verdictOf, type VerdictKind } from '../../replication/verdict.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { withGroup } from '../with-group.ts';
import { exitOf, type GroupState } from './pair-show.ts';

interface Request {
  readonly group: string;
  readonly state: VerdictKind;
  readonly primary?: string;
  readonly consistent?: boolean;
  readonly maxLag?: number;
}

export interface PairCheck extends GroupState {
  readonly holds: boolean;
  readonly checks: readonly Check[];
}

export interface Check {
  readonly name: string;
  readonly wanted: string;
  readonly found: string;
  readonly holds: boolean;
}

/** What is not known does not hold. */
export async function run(request: Request, context: CommandContext): Promise<CommandResult<PairCheck>> {
  return withGroup(context, request.group, async ({ replication, group }) => {
    const observation = await observeGroup(replication, group);
    const misfits = misfitsOf(group, observation);
    const state = { group: group.name, observation, verdict: verdictOf(observation), misfits };
    const checks = checksOf(request, state);
    const failed = checks.filter((check) => !check.holds);
    const data = { ...state, holds: failed.length === 0, checks };
    if (failed.length === 0) return { data };
    if (exitOf([state]) === 'no-path') return { data, exit: 'no-path' };
    return { data, exit: 'does-not-hold', note: noteOf(failed, state) };
  });
}

function checksOf(request: Request, { verdict, misfits }: GroupState): Check[] {
  const checks = [check('state', request.state, verdict.kind, verdict.kind === request.state)];
  if (request.primary !== undefined) {
    checks.push(check('primary', request.primary, verdict.primary ?? 'unknown', verdict.primary === request.primary));
  }
  if (request.consistent) {
    const { kind } = verdict.currency;
    checks.push(check('auxiliary volumes', 'consistent', kind, kind === 'consistent' || kind === 'consistent-behind'));
  }
  if (request.maxLag !== undefined) {
    const lagMs = verdict.lag?.ms;
    const holds = lagMs !== undefined && lagMs <= request.maxLag;
    checks.push(check('lag', `at most ${request.maxLag} ms`, lagMs === undefined ? 'unknown' : `${lagMs} ms`, holds));
  }
  if (misfits.length > 0) checks.push(check('pairs', 'those of the configuration', misfits.join('; '), false));
  return checks;
}

function check(name: string, wanted: string, found: string, holds: boolean): Check {
  return { name, wanted, found, holds };
}

function noteOf(failed: readonly Check[], { group, verdict }: GroupState) {
  return {
    what: `${group}: the state asked about does not hold`,
    where: `group ${group}`,
    why: failed.map(({ name, wanted, found }) => `${name} is ${found}, not ${wanted}`).join('; '),
    next: verdict.nextStep,
  };
}
