import { serialLess } from '../../base/serial.ts';
import { TASK_MANAGEMENT, type TaskManagementRequest } from '../initiator-pdus.ts';
import { TASK_MANAGEMENT_RESPONSE } from '../target-pdus.ts';
import type { SessionRegistry } from './registry.ts';
import { sameUnit } from './same-unit.ts';
import type { TargetSession } from './session.ts';
import { onceAllEnded, type TargetTask } from './task.ts';
import type { TargetHost } from './types.ts';

/** What a task management function may reach beyond the session that asked for it. */
export interface ManagementScope {
  readonly registry: SessionRegistry;
  readonly host: TargetHost;
}

/** RFC 7143 section 11.6.1: a LUN that is masked does not exist either. */
const REFUSED_RESET = {
  'logical-unit': TASK_MANAGEMENT_RESPONSE.lunDoesNotExist,
  target: TASK_MANAGEMENT_RESPONSE.authorizationFailed,
} as const;

/**
 * Carries out a task management function (RFC 7143 section 11.5) and gives its response once no aborted task is being
 * executed any more: a write that lands after the answer could overwrite its own repetition.
 */
export function manageTasks(
  scope: ManagementScope,
  session: TargetSession,
  request: TaskManagementRequest,
  respond: (response: number) => void,
): void {
  const complete = (): void => respond(TASK_MANAGEMENT_RESPONSE.functionComplete);
  const ofUnit = (task: TargetTask): boolean => sameUnit(task.lun, request.lun);
  const reset = (kind: 'logical-unit' | 'target', then: () => void): void => {
    if (scope.host.mayReset?.(kind, request.lun, session.nexus) === false) return respond(REFUSED_RESET[kind]);
    abortWhere(session, scope.registry.all(), kind === 'target' ? () => true : ofUnit, () => {
      // Its nexus is forgotten: what is begun in its name now, nobody would end.
      if (session.isOver) return respond(TASK_MANAGEMENT_RESPONSE.functionComplete);
      const done = scope.host.reset(kind, request.lun, session.nexus);
      if (done) done.then(then, () => respond(TASK_MANAGEMENT_RESPONSE.functionRejected));
      else then();
    });
  };
  switch (request.function) {
    case TASK_MANAGEMENT.abortTask:
      return abortTask(session, request, respond);
    case TASK_MANAGEMENT.abortTaskSet:
      return abortWhere(session, [session], ofUnit, complete);
    case TASK_MANAGEMENT.clearTaskSet:
      if (scope.host.mayReset?.('logical-unit', request.lun, session.nexus) === false) {
        return respond(TASK_MANAGEMENT_RESPONSE.lunDoesNotExist);
      }
      return abortWhere(session, scope.registry.all(), ofUnit, complete);
    case TASK_MANAGEMENT.logicalUnitReset:
      return reset('logical-unit', complete);
    case TASK_MANAGEMENT.targetWarmReset:
      return reset('target', complete);
    case TASK_MANAGEMENT.targetColdReset:
      return reset('target', () => {
        complete();
        for (const each of scope.registry.all()) each.drop('target cold reset', 'lost', 'after-output');
      });
    case TASK_MANAGEMENT.taskReassign:
      return respond(TASK_MANAGEMENT_RESPONSE.reassignmentNotSupported);
    default:
      return respond(TASK_MANAGEMENT_RESPONSE.functionNotSupported);
  }
}

function abortTask(session: TargetSession, request: TaskManagementRequest, respond: (response: number) => void): void {
  const task = session.tasks.get(request.referencedTaskTag);
  if (task) {
    session.abort(task);
    return task.onceEnded(() => respond(TASK_MANAGEMENT_RESPONSE.functionComplete));
  }
  // A command that is still on its way counts as received, and its number as used (11.5.1).
  const onItsWay = session.window.admits(request.refCmdSn) && serialLess(request.refCmdSn, request.cmdSn);
  if (onItsWay) session.window.deliverInOrder(request.refCmdSn, () => undefined);
  respond(onItsWay ? TASK_MANAGEMENT_RESPONSE.functionComplete : TASK_MANAGEMENT_RESPONSE.taskDoesNotExist);
}

function abortWhere(
  asking: TargetSession,
  sessions: readonly TargetSession[],
  concerned: (task: TargetTask) => boolean,
  then: () => void,
): void {
  const aborted: TargetTask[] = [];
  for (const session of sessions) {
    for (const task of session.tasks.values()) {
      if (!concerned(task) || !(session === asking || task.delivered)) continue;
      if (session === asking) session.abort(task);
      else session.abortForAnother(task);
      aborted.push(task);
    }
  }
  onceAllEnded(aborted, then);
}
