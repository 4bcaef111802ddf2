import { sharedTime, type SharedTime } from '../../base/shared-time.ts';
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
  /** Under which targets were asked; absent where none was. */
  readonly initiatorName?: string;
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
  const where = new Set(request.where?.length ? request.where.map(withoutLun) : await usualPlaces(context));
  return withLuns(context, async (access) => {
    const places: ScannedPlace[] = [];
    for (const place of where) {
      context.progress(`asking ${place}`);
      places.push(...(await new PlaceScan(access, context).scan(place)));
      context.abort.throwIfAborted();
    }
    const classes = places.flatMap(({ error, luns }): ExitClassName[] => [
      error?.class ?? 'done',
      ...luns.map((lun): ExitClassName => lun.error?.class ?? 'done'),
    ]);
    const exit = classOfSeveral(classes);
    const first = [...places, ...places.flatMap(({ luns }) => luns)].find(({ error }) => error)?.error;
    return {
      data: { places, ...([...where].some(isTarget) && { initiatorName: access.initiatorName() }) },
      exit,
      ...(first && { note: { what: 'not everything answered', where: first.where, why: first.why, next: first.next } }),
    };
  });
}

function isTarget(place: string): boolean {
  return !place.startsWith('/');
}

/** The URL of a LUN stands for its target: whoever names two of one means one place. */
function withoutLun(place: string): string {
  return place.replace(/^(iscsi:\/\/[^/]+\/[^/?]+)\/\d+(?=$|\?)/, '$1').replace(/^iscsi:\/\/([^/]+)\/?$/, '$1');
}

/** This machine's block devices, and every portal that the configuration names. */
async function usualPlaces(context: CommandContext): Promise<string[]> {
  const configuration = await context.configuration().catch(() => undefined);
  const arrays = [...(configuration?.arrays.values() ?? [])];
  const portals = arrays.flatMap(({ portal }) => (portal === undefined ? [] : [portal]));
  return ['/dev', ...new Set(portals)];
}

/** One place, and all that is found behind it, has the time that was given: nobody can stretch it by naming more. */
class PlaceScan {
  private readonly access: LunAccess;
  private readonly context: CommandContext;
  private readonly time: SharedTime;

  constructor(access: LunAccess, context: CommandContext) {
    this.access = access;
    this.context = context;
    this.time = sharedTime(context.services.clock, context.timeoutMs);
  }

  async scan(place: string): Promise<ScannedPlace[]> {
    if (place === '/dev') return [{ place, luns: (await this.access.listDevices()).map(deviceLun) }];
    if (place.startsWith('/')) {
      throw usageError(
        `${place} is no place to scan`,
        'a place is host[:port], iscsi://... or /dev',
        'see one device: cdctl lun show',
      );
    }
    if (/^iscsi:\/\/[^/]+\/./.test(place)) return [await this.scanTarget(place, undefined)];
    const portal = place.replace(/^iscsi:\/\//, '').replace(/\/$/, '');
    try {
      return await this.scanPortal(portal);
    } catch (error) {
      return [{ place: `iscsi://${portal}`, luns: [], error: failureOf(error, 'lun scan') }];
    }
  }

  private async scanPortal(portal: string): Promise<ScannedPlace[]> {
    const targets = await this.access.listTargets(portal, this.time.timeoutMs);
    const scanned: ScannedPlace[] = [];
    for (const { name, addresses } of targets) {
      if (this.isOver()) {
        const error = outOfTime(`iscsi://${portal}`, scanned.length, targets.length, 'targets');
        return [...scanned, { place: `iscsi://${portal}`, luns: [], error }];
      }
      if (!TARGET_NAME.test(name)) {
        scanned.push({ place: `iscsi://${portal}`, addresses, luns: [], error: noTarget(portal, name) });
        continue;
      }
      const url = `iscsi://${reachable(portal, addresses)}/${name}`;
      scanned.push(await this.scanTarget(url, addresses));
    }
    return scanned.length > 0 ? scanned : [{ place: `iscsi://${portal}`, luns: [] }];
  }

  private async scanTarget(url: string, addresses: readonly string[] | undefined): Promise<ScannedPlace> {
    const place = url.replace(/\/\d+$/, '');
    const facts = { place, ...(addresses && { addresses }) };
    try {
      const numbers = await this.access.reportLuns(place, this.time.timeoutMs);
      const luns = await this.scanLuns(place, numbers);
      const missing = luns.length < numbers.length && outOfTime(place, luns.length, numbers.length, 'LUNs');
      return { ...facts, luns, ...(missing && { error: missing }) };
    } catch (error) {
      return { ...facts, luns: [], error: failureOf(error, 'lun scan') };
    }
  }

  /** Fewer than were named where the time is over first. */
  private async scanLuns(place: string, numbers: readonly number[]): Promise<ScannedLun[]> {
    const luns: ScannedLun[] = [];
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < numbers.length && !this.isOver()) {
        const index = next;
        next += 1;
        this.context.progress(`asking ${place}: LUN ${numbers[index]} of ${numbers.length}`);
        luns[index] = await scanLun(this.access, `${place}/${numbers[index]}`, this.time);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    return luns;
  }

  private isOver(): boolean {
    return this.time.isOver || this.context.abort.aborted;
  }
}

function outOfTime(where: string, asked: number, named: number, what: string): Failure {
  const text = {
    what: 'the time was over before everything was asked',
    where,
    why: `${asked} of ${named} ${what} were asked in time`,
    next: 'give it longer with --timeout, or find out whether the target means that many',
  };
  return failureOf(new CliError('timeout', text), 'lun scan');
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

const NAMELESS = { vendor: '', product: '', serial: '', worldWideName: '' };

async function scanLun(access: LunAccess, path: string, time: SharedTime): Promise<ScannedLun> {
  let lun: Lun | undefined;
  try {
    lun = await access.opener.open(path, { timeoutMs: time.timeoutMs });
    return await lookAt(access, lun, time);
  } catch (error) {
    // Controllers answer REPORT LUNS too (tgt's LUN 0): no disk, and no failure.
    if (error instanceof LunError && error.kind === 'bad-argument') return { path, kind: 'no disk', ...NAMELESS };
    return { path, kind: 'unknown', ...NAMELESS, error: failureOf(error, 'lun scan') };
  } finally {
    await lun?.close().catch(() => undefined);
  }
}

async function lookAt(access: LunAccess, lun: Lun, time: SharedTime): Promise<ScannedLun> {
  const { vendor, product, serial, worldWideName } = await lun.identify({ timeoutMs: time.timeoutMs });
  const { capacity, mode, inquiry } = await access.examine(lun, time.timeoutMs);
  const { label, unfinishedCopy = false } = capacity ? await readFirstBlocks(lun, capacity, time.timeoutMs) : {};
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
