<?php
/**
 * The bridge's access to WooCommerce's REST API.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Connection;

use TokenBridge\Bridge\Answer;
use TokenBridge\Bridge\Request;
use TokenBridge\Bridge\Transport;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.DB.DirectDatabaseQuery -- WordPress has no functions for WooCommerce's keys.

/**
 * Creates a REST key in WooCommerce, hands it to the bridge, and removes it again.
 */
final class RestKey {

	private const TABLE = 'woocommerce_api_keys';

	/** @var Transport */
	private $transport;

	public function __construct( Transport $transport ) {
		$this->transport = $transport;
	}

	/**
	 * Creates a key that belongs to the current user and hands it over.
	 *
	 * @return array{id: int, answer: Answer} The row's ID (0 if the bridge did not take the key) and its answer.
	 */
	public function grant(): array {
		$key    = 'ck_' . wc_rand_hash();
		$secret = 'cs_' . wc_rand_hash();
		$id     = $this->insert( $key, $secret );
		$body   = [
			'consumer_key'    => $key,
			'consumer_secret' => $secret,
			// The bridge calls this site for its check, which may have one PHP process: this one, which waits here.
			'check'           => 'later',
		];
		$answer = $this->transport->send( Request::put( '/v1/store/rest-keys', $body )->patient() );
		if ( ! $answer->is_ok() ) {
			$this->remove( $id );
			$id = 0;
		}
		return [
			'id'     => $id,
			'answer' => $answer,
		];
	}

	/**
	 * Removes a key; harmless if it is gone.
	 */
	public function remove( int $id ): void {
		global $wpdb;
		if ( $id > 0 && class_exists( 'WooCommerce' ) ) {
			$wpdb->delete( $wpdb->prefix . self::TABLE, [ 'key_id' => $id ], [ '%d' ] );
		}
	}

	private function insert( string $key, string $secret ): int {
		global $wpdb;
		$row = [
			'user_id'         => get_current_user_id(),
			'description'     => 'Token Bridge',
			'permissions'     => 'read_write',
			'consumer_key'    => wc_api_hash( $key ),
			'consumer_secret' => $secret,
			'truncated_key'   => substr( $key, -7 ),
		];
		$wpdb->insert( $wpdb->prefix . self::TABLE, $row );
		return (int) $wpdb->insert_id;
	}
}
