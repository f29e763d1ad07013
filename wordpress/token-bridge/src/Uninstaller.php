<?php
/**
 * Removes the plugin's traces.
 *
 * @package TokenBridge
 */

namespace TokenBridge;

use TokenBridge\Network\NetworkOption;
use TokenBridge\Network\Subsites;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.DB.DirectDatabaseQuery -- WordPress has no functions for names by their beginning and other plugins' tables.

/**
 * Disconnects and deletes options, transients, user meta and scheduled actions, on every site of a network.
 *
 * What describes the shop's goods stays: the tokens of products and order lines.
 */
final class Uninstaller {

	private const PREFIX = 'token_bridge_';

	public function run(): void {
		Outbox\Outbox::register_table();
		Subsites::each( [ $this, 'clean_site' ] );
		$this->delete_user_meta();
		if ( is_multisite() ) {
			NetworkOption::delete();
		}
	}

	/**
	 * Removes everything from the current site. A site of a network without any visit since then has nothing.
	 */
	public function clean_site(): void {
		if ( ! Activation::is_prepared() ) {
			return;
		}
		( new Services() )->setup()->undo();
		$this->delete_scheduled();
		$this->delete_options();
		$this->delete_order_meta();
		delete_option( 'rewrite_rules' );
		Outbox\Outbox::drop_table();
	}

	private function delete_options(): void {
		global $wpdb;
		$names = $wpdb->get_col(
			$wpdb->prepare(
				"SELECT option_name FROM {$wpdb->options} WHERE option_name LIKE %s OR option_name LIKE %s OR option_name LIKE %s",
				$wpdb->esc_like( self::PREFIX ) . '%',
				$wpdb->esc_like( '_transient_' . self::PREFIX ) . '%',
				$wpdb->esc_like( '_transient_timeout_' . self::PREFIX ) . '%'
			)
		);
		array_map( 'delete_option', $names );
	}

	private function delete_order_meta(): void {
		global $wpdb;
		$keys = [ Orders\GrantNotes::GRANTED, Orders\GrantNotes::SEEN ];
		foreach ( [ $wpdb->postmeta, $wpdb->prefix . 'wc_orders_meta' ] as $table ) {
			if ( $this->has_table( $table ) ) {
				foreach ( $keys as $key ) {
					$wpdb->delete( $table, [ 'meta_key' => $key ] ); // phpcs:ignore WordPress.DB.SlowDBQuery -- runs once.
				}
			}
		}
	}

	private function has_table( string $table ): bool {
		global $wpdb;
		return $wpdb->get_var( $wpdb->prepare( 'SHOW TABLES LIKE %s', $wpdb->esc_like( $table ) ) ) === $table;
	}

	private function delete_user_meta(): void {
		global $wpdb;
		$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->usermeta} WHERE meta_key LIKE %s", $wpdb->esc_like( self::PREFIX ) . '%' ) );
	}

	private function delete_scheduled(): void {
		foreach ( $this->scheduled_actions() as $action ) {
			wp_unschedule_hook( $action );
			if ( function_exists( 'as_unschedule_all_actions' ) ) {
				as_unschedule_all_actions( $action );
			}
		}
		$this->delete_finished_actions();
	}

	/**
	 * @return string[]
	 */
	private function scheduled_actions(): array {
		return Activation::BACKGROUND_ACTIONS;
	}

	private function delete_finished_actions(): void {
		global $wpdb;
		if ( ! $this->has_table( $wpdb->prefix . 'actionscheduler_actions' ) ) {
			return;
		}
		$like = $wpdb->esc_like( self::PREFIX ) . '%';
		$wpdb->query( $wpdb->prepare( "DELETE l FROM {$wpdb->prefix}actionscheduler_logs l JOIN {$wpdb->prefix}actionscheduler_actions a ON a.action_id = l.action_id WHERE a.hook LIKE %s", $like ) );
		$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->prefix}actionscheduler_actions WHERE hook LIKE %s", $like ) );
		$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->prefix}actionscheduler_groups WHERE slug = %s", Background\ActionSchedulerQueue::GROUP ) );
	}
}
