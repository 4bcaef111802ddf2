import { LunError } from './lun.ts';

/** Where an iSCSI portal listens. */
export interface PortalAddress {
  readonly host: string;
  readonly port: number;
}

export type LunPath =
  | { readonly kind: 'block-device'; readonly file: string }
  | {
      readonly kind: 'iscsi';
      readonly portal: PortalAddress;
      readonly target: string;
      readonly lun: number;
      /** CHAP user; the secret comes from elsewhere. */
      readonly user: string | undefined;
      readonly headerDigest: boolean;
      readonly dataDigest: boolean;
    };

export type IscsiPath = Extract<LunPath, { kind: 'iscsi' }>;

/** A target without a LUN. */
export type TargetPath = Omit<IscsiPath, 'kind' | 'lun'>;

/** A portal, and the CHAP user for a discovery session there. */
export interface PortalPath {
  readonly portal: PortalAddress;
  /** The secret comes from elsewhere. */
  readonly user: string | undefined;
}

/** IANA's port for iSCSI (RFC 7143 section 15). */
export const ISCSI_PORT = 3260;

/** The largest LUN that SAM's flat space addressing holds. */
export const LARGEST_LUN = 16383;

const PORTAL_FORM = '[user@]host[:port]';
const ISCSI_FORM = 'iscsi://[user@]host[:port]/target-name/lun';

/**
 * Parses `/dev/...` or libiscsi's URL form `iscsi://[user@]host[:port]/target-name/lun`, IPv6 addresses in brackets,
 * optionally with `?header_digest=crc32c&data_digest=crc32c`.
 *
 * Throws `LunError` `bad-argument` that names the path and the expected form. A secret inside the URL is refused: it
 * would stand in the process list and in every log.
 */
export function parseLunPath(path: string): LunPath {
  if (path.startsWith('/')) return parseDevicePath(path);
  if (!path.startsWith('iscsi://')) {
    throw refused(path, `neither a device (/dev/...) nor an iSCSI URL (${ISCSI_FORM})`);
  }
  const { parts, target } = parseUrl(path);
  if (parts.length !== 3) throw refused(path, `expected ${ISCSI_FORM}`);
  return { kind: 'iscsi', ...target, lun: parseLunNumber(path, parts[2]!) };
}

/** Parses `iscsi://[user@]host[:port]/target-name`; a LUN behind it is allowed and left out. */
export function parseTargetPath(path: string): TargetPath {
  if (!path.startsWith('iscsi://')) throw refused(path, `no iSCSI URL (${ISCSI_FORM})`);
  return parseUrl(path).target;
}

function parseUrl(path: string): { parts: string[]; target: TargetPath } {
  refuseSecret(path);
  const [location, query] = splitOnce(path.slice('iscsi://'.length), '?');
  const parts = location.split('/');
  if (parts.length !== 2 && parts.length !== 3) throw refused(path, `expected ${ISCSI_FORM}`);
  const [authority = '', name = ''] = parts;
  const { portal, user } = parseUserAndPortal(path, authority, ISCSI_FORM);
  return { parts, target: { portal, target: checkTargetName(path, name), user, ...parseDigests(path, query) } };
}

/** Parses `[iscsi://][user@]host[:port]`. Throws `LunError` `bad-argument`. */
export function parsePortalPath(text: string): PortalPath {
  refuseSecret(text.startsWith('iscsi://') ? text : `iscsi://${text}`);
  const authority = text.startsWith('iscsi://') ? text.slice('iscsi://'.length).replace(/\/$/, '') : text;
  if (authority.includes('/')) throw refused(text, `expected a portal: ${PORTAL_FORM}`);
  return parseUserAndPortal(text, authority, PORTAL_FORM);
}

/** Parses `[iscsi://]host[:port]`. Throws `LunError` `bad-argument`. */
export function parsePortal(text: string): PortalAddress {
  const { portal, user } = parsePortalPath(text);
  if (user !== undefined) throw refused(text, 'expected a portal without a user: host[:port]');
  return portal;
}

function parseUserAndPortal(path: string, authority: string, form: string): PortalPath {
  const at = authority.lastIndexOf('@');
  const user = at < 0 ? undefined : authority.slice(0, at);
  if (user === '') throw refused(path, `the user before @ is empty; expected ${form}`);
  return { portal: parseAuthority(path, authority.slice(at + 1)), user };
}

export function formatPortal(portal: PortalAddress): string {
  const host = portal.host.includes(':') ? `[${portal.host}]` : portal.host;
  return `${host}:${portal.port}`;
}

function parseDevicePath(path: string): LunPath {
  if (!/^\/dev\/./.test(path) || path.split('/').includes('..')) throw refused(path, 'a raw device is named /dev/...');
  return { kind: 'block-device', file: path };
}

function refuseSecret(path: string): void {
  const secret = /^iscsi:\/\/[^/@]*[%:][^/]*@/.exec(path) ?? /[?&](?:target_)?password=/i.exec(path);
  if (secret === null) return;
  throw refused(
    hideSecret(path),
    'holds a secret, which would stand in the process list and in logs; name only the user (user@host), the CHAP secret comes from the environment or a file',
  );
}

function hideSecret(path: string): string {
  return path.replace(/^(iscsi:\/\/[^/@%:]*[%:])[^/]*@/, '$1***@').replace(/(password=)[^&]*/gi, '$1***');
}

function parseAuthority(path: string, authority: string): PortalAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(authority);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) {
    throw refused(path, `${JSON.stringify(authority)} is no host[:port]; an IPv6 address stands in brackets`);
  }
  const port = match?.[3] === undefined ? ISCSI_PORT : Number(match[3]);
  if (port < 1 || port > 65535) throw refused(path, `port ${port} is not between 1 and 65535`);
  return { host, port };
}

/** RFC 7143 section 4.2.7: iqn., eui. or naa., at most 223 bytes. */
function checkTargetName(path: string, name: string): string {
  if (/^(?:iqn|eui|naa)\.[^\s\p{Cc}]+$/iu.test(name) && Buffer.byteLength(name) <= 223) return name;
  throw refused(path, `${JSON.stringify(name)} is no iSCSI name (iqn.YYYY-MM.domain:name); expected ${ISCSI_FORM}`);
}

function parseLunNumber(path: string, text: string): number {
  const lun = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (lun <= LARGEST_LUN) return lun;
  throw refused(path, `LUN ${JSON.stringify(text)} is not a number from 0 to ${LARGEST_LUN}; expected ${ISCSI_FORM}`);
}

function parseDigests(path: string, query: string | undefined): { headerDigest: boolean; dataDigest: boolean } {
  const digests = { header_digest: false, data_digest: false };
  for (const pair of query === undefined || query === '' ? [] : query.split('&')) {
    const [name, value = ''] = splitOnce(pair, '=');
    if (name !== 'header_digest' && name !== 'data_digest') {
      throw refused(path, `unknown option ${JSON.stringify(name)}; known are header_digest and data_digest`);
    }
    if (!/^(?:none|crc32c)$/i.test(value)) throw refused(path, `${name} is "none" or "crc32c"`);
    digests[name] = value.toLowerCase() === 'crc32c';
  }
  return { headerDigest: digests.header_digest, dataDigest: digests.data_digest };
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function refused(path: string, why: string): LunError {
  return new LunError('bad-argument', path, `${path}: ${why}`);
}
