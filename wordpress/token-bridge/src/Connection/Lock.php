<?php
/**
 * A lock for what only one request may do at a time.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Connection;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.DB.DirectDatabaseQuery -- WordPress has no functions for a row that only one request may insert.

/**
 * A lock in the options table, whose unique index lets one of two requests in. It ends by itself after two minutes.
 */
final class Lock {

	/** Seconds after which a lock ends that was not freed. */
	public const SECONDS = 120;

	/** @var string */
	private $name;

	public function __construct( string $name ) {
		$this->name = $name;
	}

	/**
	 * Takes the lock; returns false if another request has it.
	 */
	public function take(): bool {
		global $wpdb;
		$this->remove_old();
		// `add_option()` reads a cache first and overwrites the row of another request; this statement cannot.
		return 1 === (int) $wpdb->query(
			$wpdb->prepare( "INSERT IGNORE INTO {$wpdb->options} (option_name, option_value, autoload) VALUES (%s, %s, 'no')", $this->name, (string) time() )
		);
	}

	public function free(): void {
		global $wpdb;
		$wpdb->delete( $wpdb->options, [ 'option_name' => $this->name ] );
	}

	private function remove_old(): void {
		global $wpdb;
		$wpdb->query(
			$wpdb->prepare( "DELETE FROM {$wpdb->options} WHERE option_name = %s AND CAST(option_value AS UNSIGNED) < %d", $this->name, time() - self::SECONDS )
		);
	}
}
