<?php
/**
 * The page Settings.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Admin;

use TokenBridge\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * Switches of the plugin, each with what it does.
 */
final class SettingsScreen implements Screen {

	public const SLUG = 'token-bridge-settings';

	/** @var Settings */
	private $settings;

	public function __construct( Settings $settings ) {
		$this->settings = $settings;
	}

	public function slug(): string {
		return self::SLUG;
	}

	public function title(): string {
		return __( 'Settings', 'token-bridge' );
	}

	public function capability(): string {
		return 'manage_options';
	}

	/**
	 * Returns the switches of the page: label and explanation by name.
	 *
	 * @return array<string, array{0: string, 1: string}>
	 */
	public static function switches(): array {
		return [
			'complete_token_orders' => [
				__( 'Complete paid token orders', 'token-bridge' ),
				__( 'WooCommerce leaves paid orders of virtual products at Processing. With this, a paid order that contains only virtual token packages is completed at once, and its tokens are granted.', 'token-bridge' ),
			],
			'retry_deliveries'      => [
				__( 'Deliver changes until accepted', 'token-bridge' ),
				__( 'WooCommerce sends each webhook once. With this, the plugin delivers changed orders and products as well, and repeats that until Token Bridge accepts them. Each order is granted once all the same.', 'token-bridge' ),
			],
			'without_webhooks'      => [
				__( 'Deliver without webhooks', 'token-bridge' ),
				__( 'Only the plugin delivers changes, and the webhooks of WooCommerce to Token Bridge are removed. Choose this if webhooks are blocked or switched off again and again.', 'token-bridge' ),
			],
			'minimal_checkout'      => [
				__( 'Short checkout for tokens', 'token-bridge' ),
				__( 'A cart that contains only virtual token packages asks for no street, city and phone. Check first whether your invoices need them.', 'token-bridge' ),
			],
		];
	}

	public function render(): void {
		echo '<div class="wrap token-bridge-admin"><h1>' . esc_html__( 'Token Bridge: settings', 'token-bridge' ) . '</h1>';
		Notices::show();
		echo '<form method="post" action="' . esc_url( admin_url( 'admin-post.php' ) ) . '">';
		PostHandler::fields( 'settings' );
		echo '<table class="form-table" role="presentation"><tbody>';
		foreach ( self::switches() as $name => list( $label, $help ) ) {
			$this->row( $name, $label, $help );
		}
		echo '</tbody></table><p><button class="button button-primary">' . esc_html__( 'Save', 'token-bridge' ) . '</button></p></form></div>';
	}

	private function row( string $name, string $label, string $help ): void {
		$id = 'token-bridge-' . $name;
		echo '<tr><th scope="row"><label for="' . esc_attr( $id ) . '">' . esc_html( $label ) . '</label></th><td>';
		echo '<input type="checkbox" id="' . esc_attr( $id ) . '" name="' . esc_attr( $name ) . '" value="1" aria-describedby="' . esc_attr( $id ) . '-help" ' . checked( $this->settings->is_on( $name ), true, false ) . '>';
		echo '<p class="description" id="' . esc_attr( $id ) . '-help">' . esc_html( $help ) . '</p></td></tr>';
	}
}
