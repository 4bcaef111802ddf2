/** A configuration that is right in every respect; tests damage it. */
export const EXAMPLE = `version: 1
arrays:
  tokyo:
    serial: TK000001
    portal: iscsi://127.0.0.1:3260/iqn.2026-11.io.cdctl:tokyo
    command-devices:
      - iscsi://127.0.0.1:3260/iqn.2026-11.io.cdctl:tokyo/0
      - /dev/sdb
  osaka:
    serial: OS000001
    command-devices: [iscsi://127.0.0.1:3260/iqn.2026-11.io.cdctl:tokyo/1]
groups:
  oradb:
    journals: { tokyo: 20, osaka: 21 }
    pairs:
      data: { tokyo: 10, osaka: 12 }
      log: { tokyo: 0x0b, osaka: 13 }
chap:
  backup:
    secret-file: /etc/cdctl/secret
`;
