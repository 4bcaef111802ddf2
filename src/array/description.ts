export { CHAP_ALGORITHM_NAMES } from './access/description.ts';
export type {
  AccessDescription,
  ChapAlgorithmName,
  ChapSecret,
  CommandDeviceModes,
  CommandRole,
  InitiatorGrant,
  KeyGrant,
  RemoteSecret,
} from './access/description.ts';

/** What `array init` writes and `array serve` reads: the parts of an array that do not change while it runs. */
export interface ArrayDescription {
  readonly format: 1;
  /** 1 to 16 characters of A-Z, 0-9; unique among the arrays of an installation. */
  readonly serial: string;
  readonly name: string;
  /** iSCSI target name, `iqn.` form. */
  readonly targetName: string;
  readonly listen: ListenAddress;
  readonly volumes: readonly VolumeDescription[];
  /** Other arrays that this one's remote interface can reach. */
  readonly remotes: readonly RemoteDescription[];
  readonly lunMap: readonly LunMapEntry[];
  readonly commandDevices: readonly CommandDeviceEntry[];
}

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  /** It may be served beyond this machine although no initiator has to authenticate. */
  readonly allowUnauthenticated?: true;
  /** `host:port` (IPv6 in brackets) of the portal to which initiators are sent once they have proved themselves. */
  readonly redirectTo?: string;
}

export interface VolumeDescription {
  readonly lun: number;
  readonly name: string;
  readonly kind: 'volume' | 'journal' | 'command-device';
  readonly blockSize: 512 | 4096;
  readonly blockCount: number;
  /** Hosts may eject its medium (`LogicalUnit.removable`); only a `volume`. */
  readonly removable?: true;
  /** 512e: blocks of 512 bytes on physical ones of 4096 (`LogicalUnit.physicalBlockSize`); only a `volume`. */
  readonly physicalBlockSize?: 4096;
  /** No host may ever write it, whatever pair it is in; only a `volume`. */
  readonly readOnly?: true;
  /** Seconds that a SANITIZE takes at least, so that hosts can be rehearsed with one; only a `volume`. */
  readonly sanitizeMinimum?: number;
  /** Its files hold it encrypted with a key of its own, which SANITIZE CRYPTO ERASE replaces; only a `volume` without `backing`. */
  readonly encrypted?: true;
  /** `/dev/...` or `iscsi://...`: the LUN that holds the volume's bytes, block n in its place; absent: a sparse file. */
  readonly backing?: string;
}

export interface RemoteDescription {
  readonly serial: string;
  readonly name: string;
  /** iSCSI URLs without the LUN, tried in order: `iscsi://127.0.0.1:3261/iqn.2026-11.io.cdctl:osaka`. */
  readonly portals: readonly string[];
}

/** Fig. 3: a LUN of this array stands for a LUN of another. */
export interface LunMapEntry {
  readonly lun: number;
  readonly name: string;
  readonly targetSerial: string;
  readonly targetLun: number;
}

/** Fig. 5: the command device of `deviceSerial` is reached at `lun` of this array. */
export interface CommandDeviceEntry {
  readonly deviceSerial: string;
  readonly deviceName: string;
  readonly lun: number;
}
