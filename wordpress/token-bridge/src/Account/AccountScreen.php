<?php
/**
 * The page Account & Tokens.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Account;

use TokenBridge\Admin\Notices;
use TokenBridge\Admin\PostHandler;
use TokenBridge\Admin\Screen;
use TokenBridge\Services;

defined( 'ABSPATH' ) || exit;

/**
 * Shows people who work in WordPress their own tokens: summary, use of the last 30 days, and ways to buy.
 */
final class AccountScreen implements Screen {

	public const SLUG      = 'token-bridge-account';
	public const HIDE_META = 'token_bridge_hide_panel';

	/** @var Services */
	private $services;

	public function __construct( Services $services ) {
		$this->services = $services;
	}

	public function slug(): string {
		return self::SLUG;
	}

	public function title(): string {
		return __( 'Account & Tokens', 'token-bridge' );
	}

	public function capability(): string {
		return 'read';
	}

	public function render(): void {
		$connection = $this->services->connection();
		echo '<div class="wrap token-bridge-admin"><h1>' . esc_html__( 'Account & Tokens', 'token-bridge' ) . '</h1>';
		Notices::show();
		if ( $connection->is_store() ) {
			$this->own_account();
		} elseif ( $connection->is_linked_site() ) {
			( new LinkedSitePanel( $this->services->transport(), $connection->is_of_network() ) )->render();
		} else {
			echo '<p>' . esc_html__( 'This site is not connected to Token Bridge.', 'token-bridge' ) . '</p>';
		}
		echo '</div>';
	}

	private function own_account(): void {
		$user      = wp_get_current_user();
		$is_hidden = (bool) get_user_meta( $user->ID, self::HIDE_META, true );
		if ( ! $is_hidden ) {
			$widget_html = $this->services->widget()->usage_html( [ 'view' => 'summary' ] );
			echo '<div class="token-bridge-panel">' . $widget_html . '</div>'; // phpcs:ignore WordPress.Security.EscapeOutput.OutputNotEscaped -- HTML of Token Bridge, which escapes it.
		}
		$this->button( 'panel', $is_hidden ? __( 'Show usage panel', 'token-bridge' ) : __( 'Hide usage panel', 'token-bridge' ) );
		if ( 'none' !== Access::of( $user ) ) {
			$this->button( OpenPortal::ACTION, __( 'Open your account: purchases, receipts, linked sites, deletion', 'token-bridge' ) );
		}
		if ( Access::FULL === Access::of( $user ) ) {
			( new UsageTable( $this->services->transport() ) )->render( $user->ID );
		}
	}

	private function button( string $action, string $label ): void {
		echo '<form method="post" class="token-bridge-form" action="' . esc_url( admin_url( 'admin-post.php' ) ) . '">';
		PostHandler::fields( $action );
		echo '<p><button class="button">' . esc_html( $label ) . '</button></p></form>';
	}
}
