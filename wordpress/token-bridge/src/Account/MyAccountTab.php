<?php
/**
 * The tab in WooCommerce's "My account".
 *
 * @package TokenBridge
 */

namespace TokenBridge\Account;

use TokenBridge\Admin\PostHandler;
use TokenBridge\Feature;
use TokenBridge\Services;

defined( 'ABSPATH' ) || exit;

/**
 * Adds "Tokens" with the widget, and the way to history and receipts.
 */
final class MyAccountTab implements Feature {

	public const ENDPOINT = 'tokens';

	/** @var Services */
	private $services;

	public function __construct( Services $services ) {
		$this->services = $services;
	}

	public function register(): void {
		if ( ! $this->services->connection()->is_store() ) {
			return;
		}
		add_filter( 'woocommerce_get_query_vars', [ $this, 'add_endpoint' ] );
		add_filter( 'woocommerce_account_menu_items', [ $this, 'add_item' ] );
		add_filter( 'woocommerce_endpoint_' . self::ENDPOINT . '_title', [ $this, 'title' ] );
		add_action( 'woocommerce_account_' . self::ENDPOINT . '_endpoint', [ $this, 'render' ] );
	}

	/**
	 * @param array<string, string> $endpoints Endpoints by name.
	 * @return array<string, string>
	 */
	public function add_endpoint( $endpoints ) {
		return $endpoints + [ self::ENDPOINT => self::ENDPOINT ];
	}

	/**
	 * Adds the tab before the last one, which signs out.
	 *
	 * @param array<string, string> $items Labels by endpoint.
	 * @return array<string, string>
	 */
	public function add_item( $items ) {
		$last = array_slice( $items, -1, 1, true );
		return array_slice( $items, 0, -1, true ) + [ self::ENDPOINT => $this->title() ] + $last;
	}

	public function title(): string {
		return __( 'Tokens', 'token-bridge' );
	}

	public function render(): void {
		$widget_html = $this->services->widget()->usage_html( [] );
		echo '<div class="token-bridge-tab">' . $widget_html . '</div>'; // phpcs:ignore WordPress.Security.EscapeOutput.OutputNotEscaped -- HTML of Token Bridge, which escapes it.
		if ( 'none' !== Access::of( wp_get_current_user() ) ) {
			echo '<p><a class="button" href="' . esc_url( PostHandler::url( OpenPortal::ACTION ) ) . '">' . esc_html__( 'History, receipts and linked sites', 'token-bridge' ) . '</a></p>';
		}
	}
}
