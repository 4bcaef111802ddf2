import { ManagementError, type Management } from '../../array/management.ts';
import type { ManagementRequest } from '../services.ts';
import type { ManagementAnswer } from './management-socket.ts';

/** Nothing is different afterwards. */
export function isQuery(request: ManagementRequest): boolean {
  return request.operation === 'show' || (request.operation === 'volume-give-up' && !request.carryOut);
}

/** Carries out what the management socket was asked; `changed` says whether a table is different afterwards. */
export async function answerManagement(management: Management, request: ManagementRequest): Promise<ManagementAnswer> {
  if (request.operation === 'show') return { ok: true, result: { ...management.show() } };
  const before = tablesOf(management);
  let found: Record<string, unknown> = {};
  try {
    found = (await carryOut(management, request)) ?? {};
  } catch (error) {
    if (!(error instanceof ManagementError)) throw error;
    return { ok: false, message: error.message, ...(error.lunError && { lunError: error.lunError }) };
  }
  return { ok: true, result: { changed: tablesOf(management) !== before, ...found } };
}

/** Whether backings are there changes by itself. */
function tablesOf(management: Management): string {
  const { backings: _backings, ...tables } = management.show();
  return JSON.stringify(tables);
}

async function carryOut(
  management: Management,
  request: Exclude<ManagementRequest, { operation: 'show' }>,
): Promise<Record<string, unknown> | void> {
  switch (request.operation) {
    case 'volume-add':
      await management.addVolume(request.volume);
      return { volume: management.show().volumes.find(({ lun }) => lun === request.volume.lun) };
    case 'volume-give-up': {
      const { lun } = request;
      const givenUp = request.carryOut ? await management.giveUp(lun) : management.lookAtGivingUp(lun);
      return { givenUp, ...(request.carryOut && { changed: givenUp !== undefined }) };
    }
    case 'map':
      return management.mapLun(request.entry);
    case 'unmap':
      return management.unmapLun(request.lun);
    case 'command-device-add':
      return management.registerCommandDevice(request.entry);
    case 'command-device-remove':
      return management.unregisterCommandDevice(request.lun);
    case 'remote-add':
      return management.addRemote(request.remote);
    case 'remote-remove':
      return management.removeRemote(request.serial);
    case 'link':
      return management.setLink(request.serial, request.state);
    default:
      throw new ManagementError(`unknown operation ${JSON.stringify((request as { operation?: unknown }).operation)}`);
  }
}
