/**
 * Who may do what on an array, as `access.yaml` says it. Without it everybody who reaches the array may do everything.
 * With it, what is not granted is not there.
 */
export interface AccessDescription {
  readonly format: 1;
  readonly initiators: readonly InitiatorGrant[];
  readonly keys: readonly KeyGrant[];
  readonly commandDevices: readonly CommandDeviceModes[];
  /** Mutual CHAP: what this array proves to initiators that ask for it. */
  readonly target?: ChapSecret;
  /** Those that an initiator may prove itself with; absent: all. */
  readonly chapAlgorithms?: readonly ChapAlgorithmName[];
  /** CHAP users under which this array logs in elsewhere (`iscsi://USER@...` among its remotes). */
  readonly remotes: readonly RemoteSecret[];
  /** Whether the audit also records queries that were answered; refused ones it always does. */
  readonly auditQueries: boolean;
}

/** Strongest last, by the names that `access.yaml` has for them. */
export const CHAP_ALGORITHM_NAMES = ['md5', 'sha1', 'sha256', 'sha3-256'] as const;

export type ChapAlgorithmName = (typeof CHAP_ALGORITHM_NAMES)[number];

/**
 * What a command device executes for somebody: queries; these and all that keeps a group running and moves its direction;
 * everything. `signed`: nothing for itself, but blocks signed with a key are let through, as for an array through whose
 * virtual volume others command.
 */
export const COMMAND_ROLES = ['signed', 'monitor', 'operator', 'administrator'] as const;

export type CommandRole = (typeof COMMAND_ROLES)[number];

export interface ChapSecret {
  readonly user: string;
  /** Path; relative to the array's directory. */
  readonly secretFile: string;
}

/** A CHAP user of this array's own initiator, and what the other array must prove in return. */
export interface RemoteSecret extends ChapSecret {
  readonly target?: ChapSecret;
}

export interface InitiatorGrant {
  /** iSCSI name. */
  readonly name: string;
  /** CHAP; either every initiator has it or none. */
  readonly chap?: ChapSecret;
  /** LUNs that it sees; `all`: every one but the journals. */
  readonly luns: 'all' | readonly number[];
  /** Serial of another array whose initiator this is: it also sees the journals and volumes that are paired with it. */
  readonly array?: string;
  /** Absent: it sees no command device. */
  readonly role?: CommandRole;
  /** Groups that it may command; absent: all. */
  readonly groups?: readonly string[];
}

/** Whoever signs its interface blocks with this key may do this, by whatever way the block comes. */
export interface KeyGrant {
  /** 1 to 32 bytes; stands in the block. */
  readonly name: string;
  readonly keyFile: string;
  readonly role: Exclude<CommandRole, 'signed'>;
  /** LUNs of this array that an operator may form pairs of; absent: all. */
  readonly luns?: readonly number[];
  readonly groups?: readonly string[];
}

export interface CommandDeviceModes {
  readonly lun: number;
  /** Only signed blocks are executed here. */
  readonly signedOnly: boolean;
  /** Whoever sees it reads every answer; absent: each host its own. */
  readonly sharedAnswers?: true;
  /** Only commands on these groups, and queries that name none; absent: all. */
  readonly groups?: readonly string[];
}
