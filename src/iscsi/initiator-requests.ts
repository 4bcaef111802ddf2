import { NO_TAG } from './header.ts';
import {
  encodeLogoutRequest,
  encodeNopOut,
  encodeTaskManagementRequest,
  encodeTextRequest,
  LOGOUT_REASON,
  TASK_MANAGEMENT,
} from './initiator-pdus.ts';
import type { Task } from './initiator-task.ts';
import type { NopIn } from './target-pdus.ts';

/**
 * The headers of everything but commands and their data. All go out as immediate requests, which the command window
 * does not hold back.
 */
export interface Numbers {
  readonly cmdSn: number;
  readonly expStatSn: number;
}

const NO_LUN = new Uint8Array(8);

export function abortTaskRequest(tag: number, task: Task, numbers: Numbers): Uint8Array {
  return encodeTaskManagementRequest({
    immediate: true,
    function: TASK_MANAGEMENT.abortTask,
    lun: task.request.lun,
    initiatorTaskTag: tag,
    referencedTaskTag: task.tag,
    refCmdSn: task.cmdSn,
    expDataSn: 0,
    ...numbers,
  });
}

/** LOGICAL UNIT RESET (RFC 7143 section 11.5.1). */
export function unitResetRequest(tag: number, lun: Uint8Array, numbers: Numbers): Uint8Array {
  return encodeTaskManagementRequest({
    immediate: true,
    function: TASK_MANAGEMENT.logicalUnitReset,
    lun,
    initiatorTaskTag: tag,
    referencedTaskTag: NO_TAG,
    refCmdSn: 0,
    expDataSn: 0,
    ...numbers,
  });
}

export function pingRequest(tag: number, numbers: Numbers): Uint8Array {
  return encodeNopOut({ immediate: true, lun: NO_LUN, initiatorTaskTag: tag, targetTransferTag: NO_TAG, ...numbers });
}

/** The answer to the target's ping. */
export function pingAnswer({ lun, targetTransferTag }: NopIn, numbers: Numbers): Uint8Array {
  return encodeNopOut({ immediate: true, lun, initiatorTaskTag: NO_TAG, targetTransferTag, ...numbers });
}

export function textRequest(tag: number, targetTransferTag: number, numbers: Numbers): Uint8Array {
  const common = { immediate: true, final: true, continues: false, lun: NO_LUN };
  return encodeTextRequest({ ...common, initiatorTaskTag: tag, targetTransferTag, ...numbers });
}

export function logoutRequest(tag: number, numbers: Numbers): Uint8Array {
  return encodeLogoutRequest({
    immediate: true,
    reason: LOGOUT_REASON.closeSession,
    initiatorTaskTag: tag,
    connectionId: 0,
    ...numbers,
  });
}
