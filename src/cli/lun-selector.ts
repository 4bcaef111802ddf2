import type { VolumeRow } from '../host/operations.ts';
import type { Lun } from '../lun/lun.ts';
import { CliError } from './cli-error.ts';
import type { CommandContext } from './context.ts';
import { arrayNamed, withLuns, withSite, type Site } from './site.ts';
import { parseLun } from './values.ts';

/** A LUN that was opened because a person named it. */
export interface OpenLun {
  readonly lun: Lun;
  /** What the array says of it; absent where it was named by its path. */
  readonly volume: VolumeRow | undefined;
}

/**
 * Opens what the operator named: a path as it is, or ARRAY/NAME and ARRAY/NUMBER under the array's portal. The array is
 * asked for its volumes first, so that a name cannot lead to another LUN than the one meant.
 */
export async function withLun<T>(
  context: CommandContext,
  selector: string,
  use: (open: OpenLun) => Promise<T>,
): Promise<T> {
  if (selector.startsWith('/') || selector.startsWith('iscsi://')) {
    return withLuns(context, async ({ opener }) => {
      const lun = await opener.open(selector, { timeoutMs: context.timeoutMs });
      return closing(lun, () => use({ lun, volume: undefined }));
    });
  }
  const [array, name] = splitSelector(selector);
  return withSite(context, async (site) => {
    const { path, volume } = await locate(site, array, name, context.timeoutMs);
    const lun = await site.access.opener.open(path, { timeoutMs: context.timeoutMs });
    return closing(lun, async () => {
      await checkCapacity(lun, volume, context.timeoutMs);
      return use({ lun, volume });
    });
  });
}

async function closing<T>(lun: Lun, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } finally {
    await lun.close().catch(() => undefined);
  }
}

function splitSelector(selector: string): [string, string] {
  const at = selector.indexOf('/');
  if (at > 0 && at < selector.length - 1) return [selector.slice(0, at), selector.slice(at + 1)];
  throw new CliError('usage', {
    what: `"${selector}" names no LUN`,
    why: 'a LUN is ARRAY/NAME, ARRAY/NUMBER, /dev/... or iscsi://host:port/iqn/lun',
    next: 'see the LUNs of an array: cdctl lun list ARRAY',
  });
}

async function locate(
  site: Site,
  arrayName: string,
  name: string,
  timeoutMs: number,
): Promise<{ path: string; volume: VolumeRow }> {
  const array = arrayNamed(site, arrayName);
  const volumes = await site.arrays.get(array.name)!.listVolumes({ timeoutMs });
  const number = parseLun(name);
  const [volume, ...others] = volumes.filter((row) => row.name === name || row.lun === number);
  if (others.length > 0) throw ambiguous(array.name, name, [volume!, ...others]);
  if (!volume) {
    throw new CliError('usage', {
      what: `array ${array.name} has no LUN "${name}"`,
      where: site.configuration.path,
      why: `it has ${volumes.map((row) => `${row.lun} (${row.name})`).join(', ')}`,
      next: `name one of them, as ${array.name}/NAME`,
    });
  }
  if (array.portal !== undefined) return { path: `${array.portal}/${volume.lun}`, volume };
  throw new CliError('configuration', {
    what: `the volumes of ${array.name} are not reached from here`,
    where: site.configuration.path,
    why: `arrays.${array.name} has no portal: this site reaches its command device only`,
    next: `add portal: iscsi://host:port/iqn under arrays.${array.name}, or use the configuration of a site attached to it`,
  });
}

/** Names need not be unique on an array, and a name may read as a number: none of them is more meant than another. */
function ambiguous(array: string, name: string, rows: readonly VolumeRow[]): CliError {
  return new CliError('usage', {
    what: `"${name}" may mean several LUNs of array ${array}`,
    why: rows.map((row) => `LUN ${row.lun} is called "${row.name}"`).join(', '),
    next: `name it by a path (cdctl lun show --help), or by a name or number that only one LUN of ${array} has`,
  });
}

async function checkCapacity(lun: Lun, volume: VolumeRow, timeoutMs: number): Promise<void> {
  const { blockSize, blockCount } = await lun.capacity({ timeoutMs });
  if (blockSize === volume.blockSize && blockCount === volume.blockCount) return;
  throw new CliError('unsafe', {
    what: `LUN ${volume.lun} (${volume.name}) is not the one that the array described`,
    where: lun.path,
    why: `it has ${blockCount} blocks of ${blockSize} bytes, the array says ${volume.blockCount} of ${volume.blockSize}`,
    next: 'correct the portal in the configuration',
  });
}
