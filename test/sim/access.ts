import type { Connection } from '../../src/base/transport.ts';
import type { LunOpener } from '../../src/lun/lun.ts';
import { createIscsiSession } from '../../src/lun/iscsi-session.ts';
import { createPortal } from '../../src/lun/iscsi-portal.ts';
import { createLunOpener } from '../../src/lun/opener.ts';
import { createScsiUnit, type ScsiUnit } from '../../src/lun/scsi-unit.ts';
import { encodeLunField } from '../../src/scsi/lun-field.ts';
import type { DeviceServer } from '../../src/scsi/task.ts';
import { unmapOf } from '../support/scsi-lun.ts';
import type { ByteStream } from './byte-stream.ts';
import { createByteNetwork } from './byte-transport.ts';
import { DEALLOCATE_TIMEOUT_MS, type Network, type Station, type Tap } from './network.ts';
import { createPartyClock, type Life } from './scheduler.ts';
import { SimFailure } from './verdict.ts';
import type { ArrayParty, World } from './world.ts';

/** How parties reach LUNs: by single SCSI commands, or by the production initiator and portal over byte streams. */
export interface Access {
  /** An array's target as a path, without a LUN. */
  target(array: { readonly name: string; readonly serial: string }): string;
  path(array: { readonly name: string; readonly serial: string }, lun: number): string;
  /** For the party of that name; the tap sees what arrives of its commands, and their answers. */
  opener(party: string, life: Life, tap?: Tap): LunOpener;
  /** The UNMAP command of an application, which `Lun` has no method for. */
  deallocator(party: string, life: Life, tap: Tap): Deallocate;
  /** A bare connection of a stranger. */
  connect(array: { readonly name: string }, life: Life): Promise<Connection>;
  targetName(array: { readonly name: string }): string;
  /** Opens the array's port. */
  serve(array: ArrayParty, station: Station): Promise<void>;
  /** Connections that work. */
  streams(): readonly ByteStream[];
  /** How many connections a party has not closed yet; none where single commands travel. */
  connectionsOf(life: Life): number;
}

export type Deallocate = (array: ArrayParty, lun: number, lba: number, blockCount: number) => Promise<void>;

/** Where a party is: arrays stand apart, all hosts together. */
function placeOf(party: string): string {
  return party === 'tokyo' || party === 'osaka' ? party : 'hosts';
}

export function createCommandAccess(network: Network): Access {
  return {
    target: ({ serial }) => `sim:${serial}`,
    path: ({ serial }, lun) => `sim:${serial}/${lun}`,
    opener: (party, life, tap) => network.opener(placeOf(party), life, tap),
    deallocator(party, life, tap) {
      const opener = network.opener(placeOf(party), life, tap);
      return async ({ serial }, lun, lba, blockCount) => {
        await (await opener.open(`sim:${serial}/${lun}`)).deallocate(lba, blockCount);
      };
    },
    serve(_array, station) {
      network.stations.set(station.serial, station);
      return Promise.resolve();
    },
    streams: () => [],
    connectionsOf: () => 0,
    connect: () => Promise.reject(new Error('no byte streams')),
    targetName: ({ name }) => targetNameOf(name),
  };
}

export function targetNameOf(array: string): string {
  return `iqn.2026-11.io.cdctl:${array}`;
}

const PORT = 3260;
/** Where the connections of strangers come from. */
const STRANGER = 'stranger';
/** How long a portal waits for anything at all. */
const SILENCE_MS = 30_000;
const WATCHED = 'iqn.2026-11.io.cdctl:watched-host';
const UNWATCHED = 'iqn.2026-11.io.cdctl:host';

export function createByteAccess(worldOf: () => World): Access {
  let network: ReturnType<typeof createByteNetwork> | undefined;

  function bytes(): ReturnType<typeof createByteNetwork> {
    const { scheduler, network: lines } = worldOf();
    network ??= createByteNetwork({ scheduler, link: (one, other) => lines.link(one, other) });
    return network;
  }

  return {
    target: ({ name }) => `iscsi://${name}:${PORT}/${targetNameOf(name)}`,
    path: ({ name }, lun) => `iscsi://${name}:${PORT}/${targetNameOf(name)}/${lun}`,
    opener(party, life, tap) {
      const world = worldOf();
      const { scheduler } = world;
      const own = world.draws(`initiator-${party}-${scheduler.tick()}`);
      return createLunOpener({
        transport: bytes().transport(placeOf(party), life, own),
        clock: createPartyClock(scheduler, life),
        random: own.random,
        initiatorName: tap ? WATCHED : placeOf(party) === 'hosts' ? UNWATCHED : `${targetNameOf(party)}.remote`,
      });
    },
    deallocator(party, life) {
      const world = worldOf();
      const { scheduler } = world;
      const own = world.draws(`unmapper-${party}-${scheduler.tick()}`);
      const clock = createPartyClock(scheduler, life);
      const transport = bytes().transport('hosts', life, own);
      const units = new Map<string, ScsiUnit>();
      const unitOf = (name: string, lun: number): ScsiUnit => {
        const path = `${name}/${lun}`;
        const session = () =>
          createIscsiSession({
            transport,
            clock,
            random: own.random,
            portal: { host: name, port: PORT },
            target: targetNameOf(name),
            initiatorName: WATCHED,
          });
        const unit =
          units.get(path) ?? createScsiUnit({ path, lunField: encodeLunField(lun), session: session(), clock });
        units.set(path, unit);
        return unit;
      };
      return async ({ name }, lun, lba, blockCount) => {
        const { cdb, list } = unmapOf(lba, blockCount);
        const deadlineMs = scheduler.nowMs() + DEALLOCATE_TIMEOUT_MS;
        await unitOf(name, lun).execute({ what: 'UNMAP', cdb, dataOut: list, deadlineMs, repeatable: false });
      };
    },
    async serve(array, station) {
      const world = worldOf();
      const { life } = station;
      const own = world.draws(`portal-${array.name}-${world.scheduler.tick()}`);
      await createPortal({
        transport: bytes().transport(array.name, life, own),
        host: array.name,
        port: PORT,
        targetName: targetNameOf(array.name),
        deviceServer: watched(world, station),
        clock: createPartyClock(world.scheduler, life),
        random: own.random,
        // Small ones cut a WRITE into many PDUs.
        values: { FirstBurstLength: own.pick(['512', '262144']), InitialR2T: own.pick(['Yes', 'No']) },
        log({ kind, detail, remoteAddress }) {
          world.note(`${array.name} portal: ${kind}: ${detail.split('\n')[0]}`);
          if (kind === 'internal-failure') world.fail(new SimFailure('no-crash', `${array.name} portal: ${detail}`));
          // So ends what an array must take for dead; it is no fault of either side.
          const silence = detail === 'no login in time' || detail === 'no sign of life';
          // A login's time runs on while the array stands still; whoever had begun it logs in again.
          const stoodStill = (life.resumesMs ?? -Infinity) > world.scheduler.nowMs() - SILENCE_MS;
          const isExcused =
            bytes().seemsDead(remoteAddress, SILENCE_MS) || (detail === 'no login in time' && stoodStill);
          const isStrange = remoteAddress.startsWith(`${STRANGER}:`);
          if (kind === 'protocol-error' && !isStrange && !(silence && isExcused))
            world.fail(new SimFailure('no-crash', `${array.name} portal: ${detail}`));
        },
      });
    },
    streams: () => network?.streams() ?? [],
    connectionsOf: (life) => network?.connectionsOf(life) ?? 0,
    connect({ name }, life) {
      const world = worldOf();
      const draws = world.draws(`stranger-${world.scheduler.tick()}`);
      return bytes().transport(STRANGER, life, draws).connect(name, PORT, { timeoutMs: 1_000 });
    },
    targetName: ({ name }) => targetNameOf(name),
  };
}

/** Shows the model what applications do to volumes, where the array takes it in and where it has an answer. */
function watched(world: World, station: Station): DeviceServer {
  const { server, life } = station;
  const { tap } = world;
  return {
    nexusOpened: (nexus) => server.nexusOpened(nexus),
    nexusLost: (nexus) => server.nexusLost(nexus),
    reset: (scope, lun, nexus) => server.reset(scope, lun, nexus),
    async execute(task) {
      const isWatched = task.nexus.startsWith(WATCHED) && world.seatOf(station.serial, task.lun) !== undefined;
      if (!isWatched) return server.execute(task);
      // The engine takes the data away from a task that it has given up.
      const { nexus, lun, cdb, dataOut, expectedDataOut, expectedDataIn } = task;
      const seen = { nexus, lun, cdb, dataOut, expectedDataOut, expectedDataIn };
      tap.arrived(station, seen);
      const reply = await server.execute(task);
      if (life.alive) tap.answered(station, seen, reply);
      return reply;
    },
  };
}
