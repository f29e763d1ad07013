<?php
/**
 * The page Credits.
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
 * Leads to the console: users and balances, use, exceptions, packages and limits.
 */
final class CreditsScreen implements Screen {

	public const SLUG       = 'token-bridge-credits';
	public const CAPABILITY = 'edit_others_posts';

	/** @var Services */
	private $services;

	public function __construct( Services $services ) {
		$this->services = $services;
	}

	public function slug(): string {
		return self::SLUG;
	}

	public function title(): string {
		return __( 'Credits', 'token-bridge' );
	}

	public function capability(): string {
		return self::CAPABILITY;
	}

	public function render(): void {
		echo '<div class="wrap token-bridge-admin"><h1>' . esc_html__( 'Token Bridge: credits', 'token-bridge' ) . '</h1>';
		Notices::show();
		if ( $this->services->connection()->is_store() ) {
			$this->open_button();
		} else {
			echo '<p>' . esc_html__( 'This site is not connected as a store. Connect it under Token Bridge → Connect.', 'token-bridge' ) . '</p>';
		}
		echo '</div>';
	}

	private function open_button(): void {
		$roles = [
			'owner'   => __( 'You can change everything there: balances, limits, packages and settings.', 'token-bridge' ),
			'manager' => __( 'You can change balances and decide exceptions there.', 'token-bridge' ),
			'viewer'  => __( 'You can look at everything there, and change nothing.', 'token-bridge' ),
		];
		echo '<p class="token-bridge-lead">' . esc_html__( 'Users and their balances, use of the whole site, purchases and exceptions are in the console of Token Bridge.', 'token-bridge' ) . '</p>';
		echo '<p>' . esc_html( $roles[ Access::console_role( wp_get_current_user() ) ] ) . '</p>';
		echo '<form method="post" target="_blank" action="' . esc_url( admin_url( 'admin-post.php' ) ) . '">';
		PostHandler::fields( 'credits' );
		echo '<p><button class="button button-primary button-hero">' . esc_html__( 'Open the credits page', 'token-bridge' ) . '</button></p></form>';
	}
}
