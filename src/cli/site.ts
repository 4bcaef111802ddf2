import { createArrayClient, type ArrayClient, type BlockEvent } from '../host/array-client.ts';
import type { SigningKey } from '../interface-block/signature.ts';
import { operationsOf, type ArrayOperations } from '../host/operations.ts';
import { CliError } from './cli-error.ts';
import type { ArrayDefinition, Configuration } from './config/configuration.ts';
import { NoConfigurationFile } from './config/find.ts';
import { findInitiatorName, type InitiatorName } from './initiator-name.ts';
import { loadSecrets, type SecretPlaces } from './config/secrets.ts';
import type { CommandContext } from './context.ts';
import type { LunAccess, LunSettings } from './services.ts';
import { loadSigningKeys } from './signing-keys.ts';

/** The arrays of the configuration, ready to be commanded; nothing is opened before the first command. */
export interface Site {
  readonly configuration: Configuration;
  readonly arrays: ReadonlyMap<string, ArrayOperations>;
  readonly clients: ReadonlyMap<string, ArrayClient>;
  readonly access: LunAccess;
}

/** Opens the site for the time of `use` and closes it whatever happens. */
export async function withSite<T>(
  context: CommandContext,
  use: (site: Site) => Promise<T>,
  watch: (event: BlockEvent) => void = (event) => observe(context, event),
  settings: Pick<LunSettings, 'reservationKey' | 'onlyReads'> = {},
): Promise<T> {
  const configuration = await context.configuration();
  const secrets = await loadSecrets(secretPlaces(context), configuration);
  const keys = await loadSigningKeys(context.services.files, configuration);
  const initiatorName = (): string => initiatorNameOf(context, configuration).name;
  const access = await context.services.luns({ secrets, initiatorName, ...settings });
  const clients = new Map(
    [...configuration.arrays.values()].map((array) => [
      array.name,
      openArray(context, access, array, watch, keys.get(array.name)),
    ]),
  );
  const arrays = new Map([...clients].map(([name, client]) => [name, operationsOf(client)]));
  const closeAll = async (): Promise<void> => {
    await Promise.allSettled([...clients.values()].map((client) => client.close()));
    await access.close();
  };
  return closingOnAbort(context, closeAll, () => use({ configuration, arrays, clients, access }));
}

/** LUN access without a configuration, for paths given on the command line; its secrets are used where there is one. */
export async function withLuns<T>(
  context: CommandContext,
  use: (access: LunAccess) => Promise<T>,
  settings: Pick<LunSettings, 'reservationKey' | 'onlyReads'> = {},
): Promise<T> {
  const access = await context.services.luns({ ...(await identityIfAny(context)), ...settings });
  return closingOnAbort(
    context,
    () => access.close(),
    () => use(access),
  );
}

/** Aborting closes what is open, so that everything under way fails at once. */
async function closingOnAbort<T>(
  context: CommandContext,
  close: () => Promise<void>,
  use: () => Promise<T>,
): Promise<T> {
  const abort = (): void => void close();
  context.abort.addEventListener('abort', abort, { once: true });
  try {
    return await use();
  } finally {
    context.abort.removeEventListener('abort', abort);
    await close();
  }
}

/**
 * A configuration that is named but cannot be used is an error only where something of it is needed: this host must come neither
 * without the secret nor under another name than the ones that stand there, and a block device needs neither.
 */
async function identityIfAny(context: CommandContext): Promise<Pick<LunSettings, 'secrets' | 'initiatorName'>> {
  let unusable: unknown;
  const configuration = await context.configuration().catch((error: unknown) => {
    if (!(error instanceof NoConfigurationFile)) unusable = error;
    return undefined;
  });
  const secrets = await loadSecrets(secretPlaces(context), configuration);
  const needed = <T>(value: T | undefined): T | undefined => {
    if (value === undefined && unusable !== undefined) throw unusable;
    return value;
  };
  return {
    secrets: { get: (user) => needed(secrets.get(user)) },
    initiatorName: () => {
      const { name, from } = initiatorNameOf(context, configuration);
      return needed(from === 'default' && unusable !== undefined ? undefined : name)!;
    },
  };
}

/** Throws `CliError`. */
export function initiatorNameOf(context: CommandContext, configuration: Configuration | undefined): InitiatorName {
  return findInitiatorName({
    option: context.initiatorName,
    environment: context.environment,
    configured: configuration?.initiatorName,
    hostName: context.services.hostName,
  });
}

export function secretPlaces({ services, environment }: CommandContext): SecretPlaces {
  return { files: services.files, environment };
}

export function openArray(
  context: CommandContext,
  access: LunAccess,
  array: ArrayDefinition,
  watch: (event: BlockEvent) => void = (event) => observe(context, event),
  signingKey?: SigningKey,
): ArrayClient {
  const { clock, random, who } = context.services;
  return createArrayClient({
    array: array.name,
    serial: array.serial,
    paths: array.commandDevices,
    opener: access.opener,
    clock,
    random,
    host: who,
    ...(signingKey && { signingKey }),
    timeoutMs: context.timeoutMs,
    observe: watch,
  });
}

function observe(context: CommandContext, event: BlockEvent): void {
  if (context.verbose) context.notice(blockLine(event));
}

/** `sent tokyo 0x0020 journal.show slot 7 request 3f...`. */
export function blockLine(event: BlockEvent): string {
  const { kind, array, process, processNumber, slot, requestId, status, elapsedMs, detail } = event;
  const parts = [
    kind.padEnd(9),
    array,
    `0x${processNumber.toString(16).padStart(4, '0')}`,
    process,
    slot >= 0 ? `slot ${slot}` : '',
    `request ${requestId.slice(0, 8)}`,
    status ?? '',
    elapsedMs === undefined ? '' : `${elapsedMs.toFixed(1)} ms`,
    detail ?? '',
  ];
  return parts.filter((part) => part !== '').join(' ');
}

export function arrayNamed(site: Site, name: string): ArrayDefinition {
  const arrays = [...site.configuration.arrays.values()];
  const array = arrays.find((entry) => entry.name === name || entry.serial === name);
  if (array) return array;
  throw new UnknownArray(
    name,
    site.configuration.path,
    arrays.map((entry) => entry.name),
  );
}

export class UnknownArray extends CliError {
  readonly array: string;

  constructor(name: string, where: string, known: readonly string[]) {
    const why = `the configuration names ${known.join(', ')}`;
    super('usage', { what: `no array "${name}"`, where, why, next: 'name one of them' });
    this.array = name;
  }
}
