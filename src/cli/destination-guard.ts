import type { VolumeRow } from '../host/operations.ts';
import { LABEL_MAGIC } from '../interface-block/label.ts';
import type { LunIdentity } from '../lun/lun.ts';
import { CliError } from './cli-error.ts';
import type { ArrayDefinition, Configuration } from './config/configuration.ts';
import type { CommandContext } from './context.ts';
import type { OpenLun } from './lun-selector.ts';
import { withSite } from './site.ts';

/** A stray WRITE would be taken for a command: only `block send` writes to a command device. */
export async function refuseCommandDevice({ lun, volume }: OpenLun, timeoutMs: number): Promise<void> {
  const first = await lun.read(0, 1, { timeoutMs });
  const magic = new TextDecoder('latin1').decode(first.subarray(0, LABEL_MAGIC.length));
  if (magic !== LABEL_MAGIC && volume?.kind !== 'command-device' && volume?.kind !== 'journal') return;
  const what = volume?.kind === 'journal' ? 'journal volume' : 'command device';
  throw new CliError('unsafe', {
    what: `this LUN is a ${what}`,
    where: lun.path,
    why: `a ${what} is the array's own; nothing was written`,
    next: 'name a volume; commands go through cdctl block send',
  });
}

/**
 * An auxiliary volume belongs to its pair: what is copied onto it is not what the primary has. Found by its name, behind a virtual
 * volume, and by the serial number of a LUN named by its path, where the configuration knows the array.
 */
export async function refuseAuxiliary(context: CommandContext, open: OpenLun, identity: LunIdentity): Promise<void> {
  const meant = await volumeOf(context, open, identity);
  const volume = meant?.kind === 'virtual' ? await behind(context, meant) : meant;
  if (volume?.role !== 'auxiliary') return;
  throw new CliError('unsafe', {
    what: `${open.selector} is the auxiliary volume of a pair`,
    where: open.lun.path,
    why: `pair ${volume.group}/${volume.pair} fills it from its primary volume; nothing was written`,
    next: 'copy onto the primary volume; or split the pair and give --onto-auxiliary, then resync',
  });
}

async function volumeOf(
  context: CommandContext,
  { volume }: OpenLun,
  { serial }: LunIdentity,
): Promise<VolumeRow | undefined> {
  if (volume) return volume;
  // Arrays of this kind name a unit by their own serial and its LUN in hexadecimal.
  const [, arraySerial, lun] = /^(.+)-([0-9A-F]{4})$/.exec(serial) ?? [];
  return arraySerial === undefined ? undefined : rowOf(context, arraySerial, Number.parseInt(lun!, 16));
}

function behind(context: CommandContext, virtual: VolumeRow): Promise<VolumeRow | undefined> {
  return rowOf(context, virtual.targetSerial, virtual.targetLun);
}

/** Undefined where the configuration does not know the array. */
async function rowOf(context: CommandContext, serial: string, lun: number): Promise<VolumeRow | undefined> {
  const configuration: Configuration | undefined = await context.configuration().catch(() => undefined);
  const array = [...(configuration?.arrays.values() ?? [])].find((entry) => entry.serial === serial);
  if (!array) return undefined;
  const rows = await withSite(context, async (site) => {
    return site.arrays.get(array.name)!.listVolumes({ timeoutMs: context.timeoutMs });
  }).catch((error: unknown) => {
    throw unproven(array, lun, error);
  });
  return rows.find((row) => row.lun === lun);
}

function unproven(array: ArrayDefinition, lun: number, error: unknown): CliError {
  return new CliError('unsafe', {
    what: `whether LUN ${lun} of ${array.name} is an auxiliary volume cannot be found out`,
    where: `array ${array.name}`,
    why: error instanceof Error ? error.message : String(error),
    next: 'bring its command device up, or give --onto-auxiliary where it is certainly none that matters',
  });
}
