import type { AccessDescription } from '../../array/description.ts';

/** What a reload of the access file changed, in names: for the audit. */
export function accessChange(before: AccessDescription | undefined, after: AccessDescription | undefined): string {
  if (!after) return before ? 'the access file is gone: everybody may do everything' : 'there is no access file';
  const named = (access: AccessDescription | undefined): Map<string, string> =>
    new Map([
      ...(access?.initiators ?? []).map((grant) => [`initiator ${grant.name}`, JSON.stringify(grant)] as const),
      ...(access?.keys ?? []).map((grant) => [`key ${grant.name}`, JSON.stringify(grant)] as const),
      ...(access?.commandDevices ?? []).map((modes) => [`command device ${modes.lun}`, JSON.stringify(modes)] as const),
    ]);
  const [old, now] = [named(before), named(after)];
  const changed = [...now].filter(([name, grant]) => old.get(name) !== grant).map(([name]) => name);
  const gone = [...old.keys()].filter((name) => !now.has(name));
  const parts = [
    ...(changed.length > 0 ? [`granted or changed: ${changed.join(', ')}`] : []),
    ...(gone.length > 0 ? [`revoked: ${gone.join(', ')}`] : []),
  ];
  return parts.length > 0 ? parts.join('; ') : 'read anew; secrets may be others';
}
