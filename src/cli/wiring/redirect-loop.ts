import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { CliError } from '../cli-error.ts';

/** Where initiators are sent, seen from the portal that sends them: `loop` back to it, `unclear` where only a name server could tell, `nowhere` that an initiator could go. */
export type RedirectVerdict = 'elsewhere' | 'unclear' | 'loop' | 'nowhere';

/** `ownAddresses`: those of this machine, which a portal on all of them (0.0.0.0, ::) has. */
export function judgeRedirect(
  redirectTo: string,
  portal: { readonly host: string; readonly port: number },
  ownAddresses: readonly string[],
): RedirectVerdict {
  const [, host = '', port] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(redirectTo.toLowerCase()) ?? [];
  if (isUnspecified(host)) return 'nowhere';
  if (Number(port) !== portal.port) return 'elsewhere';
  const here = portal.host.toLowerCase();
  if (host === here || (isLoopbackName(host) && isLoopbackName(here))) return 'loop';
  if (isIP(host) === 0 && host !== 'localhost') return 'unclear';
  if (!EVERYWHERE.includes(here)) return isIP(here) === 0 && here !== 'localhost' ? 'unclear' : 'elsewhere';
  const own = host === 'localhost' || host.startsWith('127.') || ownAddresses.includes(host);
  return own ? 'loop' : 'elsewhere';
}

const EVERYWHERE: readonly string[] = ['0.0.0.0', '::'];

/** 0.0.0.0 and ::, however they are written: to whoever connects they mean that one's own machine. */
function isUnspecified(host: string): boolean {
  return isIP(host) !== 0 && /^[0:.]*$/.test(host.replace(/^[0:]*:ffff:/, ''));
}

const isLoopbackName = (host: string): boolean => ['localhost', '127.0.0.1', '::1'].includes(host);

/** Throws where every login would end where it began; returns what should be said where that may be so. */
export function checkRedirect(
  redirectTo: string | undefined,
  portal: { readonly host: string; readonly port: number },
): string | undefined {
  if (redirectTo === undefined) return undefined;
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses?.map(({ address }) => address) ?? []);
  const verdict = judgeRedirect(redirectTo, portal, own);
  if (verdict === 'nowhere') throw nowhere(redirectTo, portal);
  if (portal.port === 0) return undefined;
  if (verdict === 'unclear') return `initiators are sent to ${redirectTo}: if that is this portal, none can log in`;
  if (verdict === 'elsewhere') return undefined;
  throw new CliError('configuration', {
    what: 'the array would send initiators to itself, so that none could log in',
    where: `${portal.host}:${portal.port}`,
    why: `redirect-to names ${redirectTo}, where this array itself is served`,
    next: 'name the portal where the array is served now, or leave out redirect-to',
  });
}

function nowhere(redirectTo: string, { host, port }: { readonly host: string; readonly port: number }): CliError {
  return new CliError('configuration', {
    what: 'the array would send initiators to an address that is no place to go to',
    where: `${host}:${port}`,
    why: `redirect-to names ${redirectTo}: all addresses of a machine, for listening; an initiator would look for it at home`,
    next: 'name one address of the portal where the array is served now',
  });
}
