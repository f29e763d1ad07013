<?php
/**
 * WooCommerce's webhooks to the bridge.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Connection;

defined( 'ABSPATH' ) || exit;

/**
 * Creates, lists and deletes the webhooks that deliver to the bridge.
 */
final class Webhooks {

	private const NAME = 'Token Bridge';

	/** More webhooks than this are not looked at. */
	private const MAX = 1000;

	/**
	 * Gives every topic one active webhook with the bridge's secret, created by the current user.
	 *
	 * @return string[] The topics that have one now.
	 */
	public function install( Connection $connection ): array {
		if ( ! class_exists( 'WC_Webhook' ) || '' === $connection->webhook_url() ) {
			return [];
		}
		$known = $this->by_topic( $connection );
		foreach ( $connection->topics() as $topic ) {
			$this->save( $known[ $topic ] ?? new \WC_Webhook(), $topic, $connection );
		}
		return $connection->topics();
	}

	/**
	 * Returns the topics that have no active webhook to the bridge.
	 *
	 * @return string[]
	 */
	public function missing( Connection $connection ): array {
		$active = array_filter(
			$this->by_topic( $connection ),
			static function ( $webhook ): bool {
				return 'active' === $webhook->get_status();
			}
		);
		return array_values( array_diff( $connection->topics(), array_keys( $active ) ) );
	}

	/**
	 * Deletes the webhooks to the bridge.
	 */
	public function remove( Connection $connection ): void {
		foreach ( $this->ours( $connection ) as $webhook ) {
			$webhook->delete( true );
		}
	}

	private function save( \WC_Webhook $webhook, string $topic, Connection $connection ): void {
		$webhook->set_name( $connection->webhook_names()[ $topic ] ?? self::NAME . ' ' . $topic );
		$webhook->set_topic( $topic );
		$webhook->set_delivery_url( $connection->webhook_url() );
		$webhook->set_secret( $connection->webhook_secret() );
		$webhook->set_api_version( 3 );
		$webhook->set_user_id( get_current_user_id() );
		$webhook->set_status( 'active' );
		// The unsigned ping is for shops that check the address by it; the bridge was called a moment ago.
		$webhook->set_pending_delivery( false );
		$webhook->save();
	}

	/**
	 * @return array<string, \WC_Webhook>
	 */
	private function by_topic( Connection $connection ): array {
		$found = [];
		foreach ( $this->ours( $connection ) as $webhook ) {
			$found[ $webhook->get_topic() ] = $webhook;
		}
		return $found;
	}

	/**
	 * @return \WC_Webhook[]
	 */
	private function ours( Connection $connection ): array {
		if ( ! class_exists( 'WC_Data_Store' ) || '' === $connection->webhook_url() ) {
			return [];
		}
		$ids = \WC_Data_Store::load( 'webhook' )->search_webhooks( [ 'limit' => self::MAX ] );
		return array_filter(
			array_map( 'wc_get_webhook', $ids ),
			static function ( $webhook ) use ( $connection ): bool {
				return $webhook && $webhook->get_delivery_url() === $connection->webhook_url();
			}
		);
	}
}
