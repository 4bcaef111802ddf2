import type { GroupChange, LineageEntry, ReplyOf, RequestOf, Role } from '../interface-block/process-table.ts';
import type { ArrayClient, CallOptions } from './array-client.ts';

/** One typed function per process number. */

export type ArrayFacts = ReplyOf<'array.show'>['header'];
export type VolumeRow = ReplyOf<'volume.list'>['rows'][number];
export type CommandDeviceRow = ReplyOf<'command-device.list'>['rows'][number];
export type RequestOutcome = ReplyOf<'request.query'>['header'];
export type PairRow = ReplyOf<'pair.show'>['rows'][number];
export type CreatePair = RequestOf<'pair.create'>['header'];
export type Purge = RequestOf<'journal.purge'>['header'];
export type Swap = RequestOf<'pair.swap'>['header'];
/** `journal.show` with the lineage of the group, oldest generation first; the last is the current one. */
export type JournalStatus = ReplyOf<'journal.show'>['header'] & { readonly lineage: readonly LineageEntry[] };

export interface Resync {
  readonly group: string;
  /** Role that this array takes. */
  readonly role: Role;
  /** Role auxiliary: gives up writes that only this array has. */
  readonly discard: boolean;
  /** Current generation of the primary, as its `journal.show` says. */
  readonly generation: string;
  readonly lineage: readonly LineageEntry[];
}

/** Every function rejects with `CommandError` only; every change answers how the group stands afterwards. */
export interface ArrayOperations {
  /** Configuration name. */
  readonly array: string;
  readonly serial: string;
  showArray(options?: CallOptions): Promise<ArrayFacts>;
  listVolumes(options?: CallOptions): Promise<readonly VolumeRow[]>;
  listCommandDevices(options?: CallOptions): Promise<readonly CommandDeviceRow[]>;
  queryRequest(requestId: string, options?: CallOptions): Promise<RequestOutcome>;
  createPair(pair: CreatePair, options?: CallOptions): Promise<GroupChange>;
  /** Without a group: the pairs of all groups. */
  showPairs(group?: string, options?: CallOptions): Promise<readonly PairRow[]>;
  splitGroup(group: string, options?: CallOptions): Promise<GroupChange>;
  resyncGroup(resync: Resync, options?: CallOptions): Promise<GroupChange>;
  /** Without a pair: all pairs of the group. */
  deletePair(group: string, pair?: string, options?: CallOptions): Promise<GroupChange>;
  swapGroup(swap: Swap, options?: CallOptions): Promise<GroupChange>;
  takeOver(takeover: RequestOf<'pair.takeover'>['header'], options?: CallOptions): Promise<GroupChange>;
  fence(fence: RequestOf<'pair.fence'>['header'], options?: CallOptions): Promise<GroupChange>;
  showJournal(group: string, options?: CallOptions): Promise<JournalStatus>;
  acquire(acquire: RequestOf<'journal.acquire'>['header'], options?: CallOptions): Promise<GroupChange>;
  restore(restore: RequestOf<'journal.restore'>['header'], options?: CallOptions): Promise<GroupChange>;
  purge(purge: Purge, options?: CallOptions): Promise<GroupChange>;
}

export function operationsOf(client: ArrayClient): ArrayOperations {
  return {
    array: client.array,
    serial: client.serial,
    ...arrayQueries(client),
    ...pairOperations(client),
    ...journalOperations(client),
  };
}

type Part<K extends keyof ArrayOperations> = Pick<ArrayOperations, K>;

function arrayQueries(client: ArrayClient): Part<'showArray' | 'listVolumes' | 'listCommandDevices' | 'queryRequest'> {
  const nothing = { header: {}, rows: [] };
  return {
    showArray: async (options) => (await client.call('array.show', nothing, options)).header,
    listVolumes: async (options) => (await client.call('volume.list', nothing, options)).rows,
    listCommandDevices: async (options) => (await client.call('command-device.list', nothing, options)).rows,
    queryRequest: async (requestId, options) =>
      (await client.call('request.query', { header: { requestId }, rows: [] }, options)).header,
  };
}

function pairOperations(
  client: ArrayClient,
): Part<'createPair' | 'showPairs' | 'splitGroup' | 'resyncGroup' | 'deletePair' | 'swapGroup' | 'takeOver' | 'fence'> {
  return {
    createPair: async (header, options) => (await client.call('pair.create', { header, rows: [] }, options)).header,
    showPairs: async (group = '', options) =>
      (await client.call('pair.show', { header: { group }, rows: [] }, options)).rows,
    splitGroup: async (group, options) =>
      (await client.call('pair.split', { header: { group }, rows: [] }, options)).header,
    resyncGroup: async ({ lineage, ...header }, options) =>
      (await client.call('pair.resync', { header, rows: lineage }, options)).header,
    deletePair: async (group, pair = '', options) =>
      (await client.call('pair.delete', { header: { group, pair }, rows: [] }, options)).header,
    swapGroup: async (header, options) => (await client.call('pair.swap', { header, rows: [] }, options)).header,
    takeOver: async (header, options) => (await client.call('pair.takeover', { header, rows: [] }, options)).header,
    fence: async (header, options) => (await client.call('pair.fence', { header, rows: [] }, options)).header,
  };
}

function journalOperations(client: ArrayClient): Part<'showJournal' | 'acquire' | 'restore' | 'purge'> {
  return {
    async showJournal(group, options) {
      const { header, rows } = await client.call('journal.show', { header: { group }, rows: [] }, options);
      return { ...header, lineage: rows };
    },
    acquire: async (header, options) => (await client.call('journal.acquire', { header, rows: [] }, options)).header,
    restore: async (header, options) => (await client.call('journal.restore', { header, rows: [] }, options)).header,
    purge: async (header, options) => (await client.call('journal.purge', { header, rows: [] }, options)).header,
  };
}
