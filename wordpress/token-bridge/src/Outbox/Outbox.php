<?php
/**
 * What waits to be sent.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Outbox;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.DB.DirectDatabaseQuery -- WordPress has no functions for this table, and a cache of its rows would be wrong.

/**
 * A table with one row for each subject that changed. A row stays until the bridge has answered with success.
 *
 * A change during a delivery raises the row's version, so the row is sent once more.
 */
final class Outbox {

	private const TABLE = 'token_bridge_outbox';

	/** Rows that fail for longer than this are given up. */
	private const MAX_AGE = 30 * DAY_IN_SECONDS;

	/** Longest pause between two attempts of one row. */
	private const MAX_PAUSE = HOUR_IN_SECONDS;

	/**
	 * Names the table to WordPress, which then adds the prefix of each site and drops it with a deleted site.
	 */
	public static function register_table(): void {
		global $wpdb;
		$wpdb->tables[]            = self::TABLE;
		$wpdb->token_bridge_outbox = $wpdb->prefix . self::TABLE;
	}

	/**
	 * Creates the table; harmless if it exists.
	 */
	public static function create_table(): void {
		global $wpdb;
		$wpdb->query(
			"CREATE TABLE IF NOT EXISTS {$wpdb->token_bridge_outbox} (
				id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
				topic VARCHAR(40) NOT NULL,
				subject VARCHAR(100) NOT NULL,
				payload LONGTEXT NULL,
				version INT UNSIGNED NOT NULL DEFAULT 1,
				attempts INT UNSIGNED NOT NULL DEFAULT 0,
				due_at BIGINT UNSIGNED NOT NULL,
				created_at BIGINT UNSIGNED NOT NULL,
				UNIQUE KEY subject (topic, subject),
				KEY due (due_at)
			) {$wpdb->get_charset_collate()}"
		);
	}

	public static function drop_table(): void {
		global $wpdb;
		$wpdb->query( "DROP TABLE IF EXISTS {$wpdb->token_bridge_outbox}" );
	}

	/**
	 * Adds a change, or one more change of what waits already.
	 *
	 * @param array<string, mixed>|null $payload What to send, if it is not read at the moment of sending.
	 */
	public function add( string $topic, string $subject, ?array $payload = null ): void {
		global $wpdb;
		$wpdb->query(
			$wpdb->prepare(
				"INSERT INTO {$wpdb->token_bridge_outbox} (topic, subject, payload, due_at, created_at) VALUES (%s, %s, %s, %d, %d)
				ON DUPLICATE KEY UPDATE version = version + 1, payload = VALUES(payload), due_at = LEAST(due_at, VALUES(due_at))",
				$topic,
				$subject,
				null === $payload ? '' : (string) wp_json_encode( $payload ),
				time(),
				time()
			)
		);
	}

	/**
	 * Returns rows that are due, oldest first.
	 *
	 * @return Row[]
	 */
	public function due( int $limit ): array {
		global $wpdb;
		$rows = $wpdb->get_results(
			$wpdb->prepare( "SELECT * FROM {$wpdb->token_bridge_outbox} WHERE due_at <= %d ORDER BY id LIMIT %d", time(), $limit ),
			ARRAY_A
		);
		return array_map( [ Row::class, 'read' ], (array) $rows );
	}

	/**
	 * Removes a delivered row, unless its subject has changed since it was read.
	 */
	public function remove( Row $row ): void {
		global $wpdb;
		$wpdb->delete(
			$wpdb->token_bridge_outbox,
			[
				'id'      => $row->id,
				'version' => $row->version,
			]
		);
	}

	/**
	 * Lets a row wait longer after each failure; gives it up at last.
	 */
	public function postpone( Row $row ): void {
		global $wpdb;
		if ( time() - $row->created_at > self::MAX_AGE ) {
			$this->remove( $row );
			return;
		}
		$pause = min( self::MAX_PAUSE, 15 * 2 ** min( $row->attempts, 10 ) );
		$wpdb->query(
			$wpdb->prepare( "UPDATE {$wpdb->token_bridge_outbox} SET attempts = attempts + 1, due_at = %d WHERE id = %d", time() + $pause, $row->id )
		);
	}

	/**
	 * Returns the seconds until the next row is due; null if nothing waits.
	 */
	public function next_in(): ?int {
		global $wpdb;
		$due = $wpdb->get_var( "SELECT MIN(due_at) FROM {$wpdb->token_bridge_outbox}" );
		return null === $due ? null : max( 0, (int) $due - time() );
	}

	public function count(): int {
		global $wpdb;
		return (int) $wpdb->get_var( "SELECT COUNT(*) FROM {$wpdb->token_bridge_outbox}" );
	}

	public function clear(): void {
		global $wpdb;
		$wpdb->query( "DELETE FROM {$wpdb->token_bridge_outbox}" );
	}
}
