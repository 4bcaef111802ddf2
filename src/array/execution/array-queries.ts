import type { ReplyOf, RequestOf } from '../../interface-block/process-table.ts';
import type { ArrayCore } from '../core.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { localLun, type GroupState } from '../store/array-state.ts';
import { shorten } from './shorten.ts';

/** Tables written by hand, or by earlier versions, may have longer ones. */
const NAME_SIZE = 32;

export async function showArray(core: ArrayCore): Promise<ReplyOf<'array.show'>> {
  return {
    header: {
      serial: core.serial,
      name: core.name,
      version: core.version,
      volumeCount: core.units.all().length,
      groupCount: core.store.state().groups.length,
      commandNumber: core.store.requests.commandNumber(),
      rememberedRequests: core.store.requests.size(),
    },
    rows: [],
  };
}

export async function listVolumes(core: ArrayCore): Promise<ReplyOf<'volume.list'>> {
  return { header: {}, rows: core.units.all().map((unit) => volumeRow(core, unit)) };
}

type VolumeRow = ReplyOf<'volume.list'>['rows'][number];

function volumeRow(core: ArrayCore, unit: LogicalUnit): VolumeRow {
  const state = core.store.state();
  const mapped = state.lunMap.find((entry) => entry.lun === unit.lun);
  const volume = core.volume(unit.lun);
  return {
    lun: unit.lun,
    kind: unit.kind,
    access: unit.access(),
    blockSize: unit.blockSize,
    blockCount: unit.blockCount,
    name: shorten(unit.name, NAME_SIZE),
    ...useOf(state.groups, unit.lun),
    targetSerial: mapped?.targetSerial ?? '',
    targetLun: mapped?.targetLun ?? 0,
    allocatedBytes: volume ? volume.allocatedBytes() : 0,
  };
}

/** The group and pair that a LUN belongs to, as a volume or as the journal. */
function useOf(groups: readonly GroupState[], lun: number): Pick<VolumeRow, 'group' | 'pair' | 'role'> {
  for (const group of groups) {
    const pair = group.pairs.find((candidate) => localLun(group, candidate) === lun);
    if (pair) return { group: group.name, pair: pair.name, role: group.role };
    if (group.localJournalLun === lun) return { group: group.name, pair: '', role: group.role };
  }
  return { group: '', pair: '', role: 'simplex' };
}

export async function listCommandDevices(core: ArrayCore): Promise<ReplyOf<'command-device.list'>> {
  return {
    header: {},
    rows: core.commandDevices().map((entry) => ({
      ...entry,
      deviceName: shorten(entry.deviceName, NAME_SIZE),
      virtual: entry.deviceSerial !== core.serial,
    })),
  };
}

export async function queryRequest(
  core: ArrayCore,
  request: RequestOf<'request.query'>,
): Promise<ReplyOf<'request.query'>> {
  const known = core.store.requests.find(request.header.requestId);
  const header = known
    ? { outcome: 'done' as const, process: known.process, status: known.status, commandNumber: known.commandNumber }
    : { outcome: 'unknown' as const, process: 0, status: 0, commandNumber: 0 };
  return { header, rows: [] };
}
