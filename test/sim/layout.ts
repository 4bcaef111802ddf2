import type { ArrayDescription } from '../../src/array/description.ts';
import { journalGeometry, type JournalGeometry } from '../../src/array/journal/geometry.ts';
import type { GroupDefinition } from '../../src/replication/definition.ts';
import { targetNameOf } from './access.ts';
import type { SimOptions } from './options.ts';
import { createDraws } from './randomness.ts';

/** One group of a seed: where it lies and how it begins. */
export interface GroupPlan {
  readonly definition: GroupDefinition;
  /** The array that is its primary when it is formed. */
  readonly leader: string;
  readonly ringRecords: number;
  /** By array name: its volumes have this LUN and the next ones. */
  readonly firstLun: Readonly<Record<string, number>>;
}

/** What is added to the LUN of a volume of the other array. */
export const MAPPED = 1_000;

const FIRST_LUN = 10;
const LUNS_PER_GROUP = 20;
const JOURNAL_BEHIND = 10;
const RINGS = [2, 4, 8, 16, 64, 512];

/**
 * Every other group begins in the other direction. With several, the LUNs of one group at one array are those of another
 * group at the other array: whoever mixes up two sides or two groups meets volumes and a journal that are there and not his.
 */
export function planGroups(seed: number, options: SimOptions): GroupPlan[] {
  return Array.from({ length: options.groups }, (_, index) => {
    const tokyo = FIRST_LUN + index * LUNS_PER_GROUP;
    const osaka = FIRST_LUN + (options.groups - 1 - index) * LUNS_PER_GROUP;
    return {
      definition: {
        name: index === 0 ? 'oradb' : `oradb${index}`,
        arrays: ['tokyo', 'osaka'],
        journals: { tokyo: tokyo + JOURNAL_BEHIND, osaka: osaka + JOURNAL_BEHIND },
        pairs: Array.from({ length: options.volumes }, (_unused, volume) => ({
          name: `pair${volume}`,
          luns: { tokyo: tokyo + volume, osaka: osaka + volume },
        })),
      },
      leader: index % 2 === 0 ? 'tokyo' : 'osaka',
      ringRecords: index === 0 ? options.ringRecords : createDraws(seed, `group-${index}`).pick(RINGS),
      firstLun: { tokyo, osaka },
    };
  });
}

/** Of 512 bytes. */
export function journalBlocksOf({ ringRecords }: Pick<GroupPlan, 'ringRecords'>): number {
  return 8 + 9 * ringRecords;
}

export function geometryOf(plan: Pick<GroupPlan, 'ringRecords'>): JournalGeometry {
  return journalGeometry(journalBlocksOf(plan));
}

/** The file of an array's storage that holds the group's journal. */
export function journalFileOf({ definition }: Pick<GroupPlan, 'definition'>, array: string): string {
  return `lun-${definition.journals[array]!}.journal`;
}

interface Place {
  readonly name: string;
  readonly serial: string;
}

/** What an array is when it is made. `far` is a path to the other's target. */
export function describeArray(parts: {
  array: Place;
  peer: Place;
  far: string;
  plans: readonly GroupPlan[];
  options: SimOptions;
}): ArrayDescription {
  const { array, peer, far, plans, options } = parts;
  return {
    format: 1,
    serial: array.serial,
    name: array.name,
    targetName: targetNameOf(array.name),
    listen: { host: '127.0.0.1', port: 0 },
    volumes: [
      { lun: 0, name: 'command', kind: 'command-device', blockSize: 512, blockCount: 4096 },
      ...plans.flatMap((plan) => volumesOf(plan, array.name, options)),
    ],
    remotes: [{ serial: peer.serial, name: peer.name, portals: [far] }],
    lunMap: [
      { lun: 1, name: `${peer.name}-command`, targetSerial: peer.serial, targetLun: 0 },
      ...(options.mapped ? plans.flatMap((plan) => mappedVolumes(plan, peer)) : []),
    ],
    commandDevices: [
      { deviceSerial: array.serial, deviceName: array.name, lun: 0 },
      { deviceSerial: peer.serial, deviceName: peer.name, lun: 1 },
    ],
  };
}

/** The other array's volumes, under names and LUNs of their own. */
function mappedVolumes({ definition, firstLun }: GroupPlan, peer: Place): ArrayDescription['lunMap'] {
  const first = firstLun[peer.name]!;
  return definition.pairs.map((_, index) => ({
    lun: MAPPED + first + index,
    name: `${peer.name}-${first + index}`,
    targetSerial: peer.serial,
    targetLun: first + index,
  }));
}

function volumesOf(plan: GroupPlan, array: string, options: SimOptions): ArrayDescription['volumes'] {
  const { definition, firstLun } = plan;
  const first = firstLun[array]!;
  const suffix = first === FIRST_LUN ? '' : `-${first}`;
  const volumes = definition.pairs.map((_, index) => {
    const blockSize = index === 1 ? (4096 as const) : (512 as const);
    const blockCount = (options.sectors * 512) / blockSize;
    return { lun: first + index, name: `volume${index}${suffix}`, kind: 'volume' as const, blockSize, blockCount };
  });
  const blockCount = journalBlocksOf(plan);
  const lun = definition.journals[array]!;
  return [...volumes, { lun, name: `journal${suffix}`, kind: 'journal', blockSize: 512, blockCount }];
}
