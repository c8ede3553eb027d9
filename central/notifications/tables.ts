/**
 * Tables of notifications, as Kysely sees them; the SQL is in migration 0004.
 *
 * Times are milliseconds since 1970.
 */

/** The outbox: what a tenant is told; written in the transaction of what it tells about. */
export interface NotificationsTable {
  /** Opaque; `webhook-id` of every attempt. */
  id: string;
  tenant: string;
  type: string;
  /** The body to send, byte for byte the same at every attempt. */
  body: string;
  created_at: number;
}

/** Where a tenant wants to be told. */
export interface EndpointsTable {
  id: string;
  tenant: string;
  url: string;
  secret: string;
  /** Signs as well until `previous_until`; null if the secret was never changed. */
  previous_secret: string | null;
  previous_until: number | null;
  /** JSON list of the types that are sent; null for all. */
  types: string | null;
  created_at: number;
  /** Set when the receiver answered 410: nothing more is sent until it is enabled again. */
  disabled_at: number | null;
}

/** One notification on its way to one endpoint. */
export interface DeliveriesTable {
  id: string;
  notification_id: string;
  endpoint_id: string;
  tenant: string;
  state: 'pending' | 'delivered' | 'dead';
  attempt_count: number;
  /** While pending: not to be tried before. An attempt under way moves it to the end of its lease. */
  due_at: number;
  /** Word of send.ts for the last failure. */
  last_failure: string | null;
  finished_at: number | null;
}

/** Who is called at a bureau, in order of `place`, when a case is not taken up in time. */
export interface ContactsTable {
  id: string;
  tenant: string;
  /** Counts from 0. */
  place: number;
  label: string;
  /** Telephone number, mailbox or the like, for the bureau's own system. */
  address: string;
  /** Told there whatever types it subscribes to; null for all endpoints of the tenant. */
  endpoint_id: string | null;
}

export interface NotificationTables {
  notifications: NotificationsTable;
  endpoints: EndpointsTable;
  deliveries: DeliveriesTable;
  contacts: ContactsTable;
}
