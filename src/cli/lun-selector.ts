import type { VolumeRow } from '../host/operations.ts';
import type { Lun } from '../lun/lun.ts';
import { CliError } from './cli-error.ts';
import type { CommandContext } from './context.ts';
import type { LunAccess } from './services.ts';
import { arrayNamed, withLuns, withSite, type Site } from './site.ts';
import { parseLun } from './values.ts';

/** A LUN that was opened because a person named it. */
export interface OpenLun {
  readonly lun: Lun;
  /** As it was named. */
  readonly selector: string;
  /** What the array says of it; absent where it was named by its path. */
  readonly volume: VolumeRow | undefined;
  readonly access: LunAccess;
}

export interface SelectorOptions {
  /** As in `LunSettings`. */
  readonly reservationKey?: string | undefined;
  readonly onlyReads?: boolean;
}

/** Opens one LUN for the time of `use`; see `withSelected`. */
export async function withLun<T>(
  context: CommandContext,
  selector: string,
  use: (open: OpenLun) => Promise<T>,
  options: SelectorOptions = {},
): Promise<T> {
  return withSelected(context, [selector], ([open]) => use(open!), options);
}

/**
 * Opens what the operator named: a path as it is, or ARRAY/NAME and ARRAY/NUMBER under the array's portal. The array is
 * asked for its volumes first, so that a name cannot lead to another LUN than the one meant. In the order of `selectors`.
 */
export async function withSelected<T>(
  context: CommandContext,
  selectors: readonly string[],
  use: (opened: readonly OpenLun[]) => Promise<T>,
  options: SelectorOptions = {},
): Promise<T> {
  const { reservationKey, onlyReads = false } = options;
  const settings = { onlyReads, ...(reservationKey !== undefined && { reservationKey }) };
  if (selectors.every(isPath)) {
    return withLuns(context, (access) => openAll(context, selectors, { access }, use), settings);
  }
  for (const selector of selectors) if (!isPath(selector)) splitSelector(selector);
  return withSite(
    context,
    (site) => openAll(context, selectors, { access: site.access, site }, use),
    undefined,
    settings,
  );
}

export function isPath(selector: string): boolean {
  return selector.startsWith('/') || selector.startsWith('iscsi://');
}

async function openAll<T>(
  context: CommandContext,
  selectors: readonly string[],
  through: { readonly access: LunAccess; readonly site?: Site },
  use: (opened: readonly OpenLun[]) => Promise<T>,
): Promise<T> {
  const opened: OpenLun[] = [];
  try {
    for (const selector of selectors) opened.push(await openOne(context, selector, through));
    return await use(opened);
  } finally {
    for (const { lun } of opened) await lun.close().catch(() => undefined);
  }
}

async function openOne(
  context: CommandContext,
  selector: string,
  { access, site }: { readonly access: LunAccess; readonly site?: Site },
): Promise<OpenLun> {
  const { timeoutMs } = context;
  if (!site || isPath(selector)) {
    return {
      lun: await access.opener.open(selector, { timeoutMs, steadfast: true }),
      selector,
      volume: undefined,
      access,
    };
  }
  const [array, name] = splitSelector(selector);
  const { path, volume } = await locate(site, array, name, timeoutMs);
  const lun = await access.opener.open(path, { timeoutMs, steadfast: true });
  try {
    await checkCapacity(lun, volume, timeoutMs);
    return { lun, selector, volume, access };
  } catch (error) {
    await lun.close().catch(() => undefined);
    throw error;
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
