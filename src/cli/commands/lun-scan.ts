import type { DeviceRow } from '../../lun/examination.ts';
import { LunError, type Lun } from '../../lun/lun.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { CliError, usageError } from '../cli-error.ts';
import { classOfSeveral, type ExitClassName } from '../exit-classes.ts';
import { failureOf, type Failure } from '../failure.ts';
import { readFirstBlocks } from '../lun-facts.ts';
import type { LunAccess } from '../services.ts';
import { withLuns } from '../site.ts';

export interface LunScan {
  readonly places: readonly ScannedPlace[];
}

/** A target behind a portal, the block devices of this machine, or a portal that did not answer. */
export interface ScannedPlace {
  /** "iscsi://host:port/iqn..." or "/dev". */
  readonly place: string;
  /** As the target announces them, "host:port,group". */
  readonly addresses?: readonly string[];
  readonly luns: readonly ScannedLun[];
  readonly error?: Failure;
}

export interface ScannedLun {
  readonly path: string;
  /** "disk", "command device", "multipath"; what it is instead where it is no disk. */
  readonly kind: string;
  readonly vendor: string;
  readonly product: string;
  readonly serial: string;
  readonly worldWideName: string;
  readonly blockSize?: number;
  readonly blockCount?: number;
  readonly physicalBlockSize?: number;
  readonly thin?: boolean;
  readonly writeProtected?: boolean;
  readonly usedBy?: string;
  /** Of a command device: the array that it leads to. */
  readonly array?: string;
  readonly error?: Failure;
}

/** LUNs that are asked at once; each takes a dozen commands. */
const AT_ONCE = 4;

export async function run(
  request: { readonly where?: readonly string[] },
  context: CommandContext,
): Promise<CommandResult<LunScan>> {
  const where = request.where?.length ? request.where : await usualPlaces(context);
  return withLuns(context, async (access) => {
    const places: ScannedPlace[] = [];
    for (const place of where) {
      context.progress(`asking ${place}`);
      places.push(...(await scanPlace(access, place, context)));
    }
    const classes = places.flatMap(({ error, luns }): ExitClassName[] => [
      error?.class ?? 'done',
      ...luns.map((lun): ExitClassName => lun.error?.class ?? 'done'),
    ]);
    const exit = classOfSeveral(classes);
    const first = [...places, ...places.flatMap(({ luns }) => luns)].find(({ error }) => error)?.error;
    return {
      data: { places },
      exit,
      ...(first && { note: { what: 'not everything answered', where: first.where, why: first.why, next: first.next } }),
    };
  });
}

/** This machine's block devices, and every portal that the configuration names. */
async function usualPlaces(context: CommandContext): Promise<string[]> {
  const configuration = await context.configuration().catch(() => undefined);
  const arrays = [...(configuration?.arrays.values() ?? [])];
  const portals = arrays.flatMap(({ portal }) => (portal === undefined ? [] : [portal]));
  return ['/dev', ...new Set(portals)];
}

async function scanPlace(access: LunAccess, place: string, context: CommandContext): Promise<ScannedPlace[]> {
  if (place === '/dev') return [{ place, luns: (await access.listDevices()).map(deviceLun) }];
  if (place.startsWith('/')) {
    throw usageError(
      `${place} is no place to scan`,
      'a place is host[:port], iscsi://... or /dev',
      'see one device: cdctl lun show',
    );
  }
  if (/^iscsi:\/\/[^/]+\/./.test(place)) return [await scanTarget(access, place, undefined, context)];
  const portal = place.replace(/^iscsi:\/\//, '').replace(/\/$/, '');
  try {
    const targets = await access.listTargets(portal, context.timeoutMs);
    const scanned: ScannedPlace[] = [];
    for (const { name, addresses } of targets) {
      if (!TARGET_NAME.test(name)) {
        scanned.push({ place: `iscsi://${portal}`, addresses, luns: [], error: noTarget(portal, name) });
        continue;
      }
      const url = `iscsi://${reachable(portal, addresses)}/${name}`;
      scanned.push(await scanTarget(access, url, addresses, context));
    }
    return scanned.length > 0 ? scanned : [{ place: `iscsi://${portal}`, luns: [] }];
  } catch (error) {
    return [{ place: `iscsi://${portal}`, luns: [], error: failureOf(error, 'lun scan') }];
  }
}

/** As RFC 7143 section 4.2.7 has names; anything else would be taken apart as a path, and is the portal's fault. */
const TARGET_NAME = /^(?:iqn|eui|naa)\.[^\p{Cc}\p{Cf}\p{Z}/]{1,219}$/iu;

function noTarget(portal: string, name: string): Failure {
  const shown = name.length <= 80 ? name : `${name.slice(0, 80)}...`;
  const text = {
    what: 'the portal names a target by what is no iSCSI name',
    where: `iscsi://${portal}`,
    why: `${JSON.stringify(shown)} is no iSCSI name`,
    next: 'find out who answers at this address before anything is trusted to it',
  };
  return failureOf(new CliError('refused', text), 'lun scan');
}

/** The portal asked where the target is there too, as nearly always; else the first that it announces. */
function reachable(portal: string, addresses: readonly string[]): string {
  const own = portal.slice(portal.lastIndexOf('@') + 1);
  const user = portal.slice(0, portal.length - own.length);
  const announced = addresses.map((address) => address.replace(/,\d+$/, ''));
  const withPort = /:\d+$/.test(own) ? own : `${own}:3260`;
  const found = announced.length === 0 || announced.includes(withPort) ? own : announced[0]!;
  return `${user}${found}`;
}

async function scanTarget(
  access: LunAccess,
  url: string,
  addresses: readonly string[] | undefined,
  context: CommandContext,
): Promise<ScannedPlace> {
  const place = url.replace(/\/\d+$/, '');
  const facts = { place, ...(addresses && { addresses }) };
  try {
    const numbers = await access.reportLuns(place, context.timeoutMs);
    const luns: ScannedLun[] = [];
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < numbers.length) {
        const index = next;
        next += 1;
        context.progress(`asking ${place}: LUN ${numbers[index]} of ${numbers.length}`);
        luns[index] = await scanLun(access, `${place}/${numbers[index]}`, context);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    return { ...facts, luns };
  } catch (error) {
    return { ...facts, luns: [], error: failureOf(error, 'lun scan') };
  }
}

const NAMELESS = { vendor: '', product: '', serial: '', worldWideName: '' };

async function scanLun(access: LunAccess, path: string, context: CommandContext): Promise<ScannedLun> {
  let lun: Lun | undefined;
  try {
    lun = await access.opener.open(path, { timeoutMs: context.timeoutMs });
    return await lookAt(access, lun, context.timeoutMs);
  } catch (error) {
    // Controllers answer REPORT LUNS too (tgt's LUN 0): no disk, and no failure.
    if (error instanceof LunError && error.kind === 'bad-argument') return { path, kind: 'no disk', ...NAMELESS };
    return { path, kind: 'unknown', ...NAMELESS, error: failureOf(error, 'lun scan') };
  } finally {
    await lun?.close().catch(() => undefined);
  }
}

async function lookAt(access: LunAccess, lun: Lun, timeoutMs: number): Promise<ScannedLun> {
  const { vendor, product, serial, worldWideName } = await lun.identify({ timeoutMs });
  const { capacity, mode, inquiry } = await access.examine(lun, timeoutMs);
  const { label, unfinishedCopy = false } = capacity ? await readFirstBlocks(lun, capacity, timeoutMs) : {};
  return {
    path: lun.path,
    kind: label ? 'command device' : unfinishedCopy ? 'unfinished copy' : (inquiry?.deviceType ?? 'disk'),
    vendor,
    product,
    serial,
    worldWideName,
    ...(capacity && {
      blockSize: capacity.blockSize,
      blockCount: capacity.blockCount,
      physicalBlockSize: capacity.physicalBlockSize,
      thin: capacity.thin,
    }),
    ...(mode && { writeProtected: mode.writeProtected }),
    ...(label && { array: label.arraySerial }),
  };
}

function deviceLun(row: DeviceRow): ScannedLun {
  const { identity, ...facts } = row;
  const { vendor, product, serial, worldWideName } = identity;
  return { ...facts, vendor, product, serial, worldWideName };
}
