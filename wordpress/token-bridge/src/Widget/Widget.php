<?php
/**
 * The usage widget.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Widget;

use TokenBridge\Account\Access;
use TokenBridge\Account\MyAccountTab;
use TokenBridge\Connection\Connection;
use TokenBridge\Metering\Guest;
use WP_User;

defined( 'ABSPATH' ) || exit;

/**
 * Returns the HTML of the widget for the person who looks at the page.
 */
final class Widget {

	/** @var Connection */
	private $connection;

	/** @var FragmentSource */
	private $source;

	public function __construct( Connection $connection, FragmentSource $source ) {
		$this->connection = $connection;
		$this->source     = $source;
	}

	/**
	 * Returns the widget as a block of the page.
	 *
	 * @param array<string, mixed>|string $attributes The attributes of the shortcode or block.
	 */
	public function usage_html( $attributes ): string {
		Uncacheable::mark();
		if ( $this->connection->is_linked_site() ) {
			return $this->account_html( ( new Attributes( $attributes ) )->parameters() );
		}
		if ( ! $this->connection->is_store() ) {
			return $this->without_store_html();
		}
		$user = wp_get_current_user();
		$wanted = ( new Attributes( $attributes ) )->parameters();
		if ( $user->exists() ) {
			return $this->fragment_html( (string) $user->ID, $this->about( $user ) + $wanted );
		}
		return '' === Guest::known() ? $this->sign_in_line_html() : $this->fragment_html( 'guest_' . Guest::known(), $this->about_guest() + $wanted );
	}

	/**
	 * Returns the balance inside a line; nothing for a visitor who is not signed in.
	 */
	public function balance_html(): string {
		Uncacheable::mark();
		$user = wp_get_current_user();
		if ( $this->connection->is_linked_site() ) {
			return $this->account_html( [ 'view' => 'balance' ] );
		}
		if ( ! $this->connection->is_store() || ! $user->exists() ) {
			return '';
		}
		$found = $this->source->find( (string) $user->ID, $this->about( $user ) + [ 'view' => 'balance' ] );
		return $found ? trim( $found->html ) : '<span class="token-bridge-balance">–</span>';
	}

	/**
	 * Returns the numbers of the account that a linked site draws on; nothing for people who may not see them.
	 *
	 * @param array<string, string> $wanted The attributes of the shortcode or block.
	 */
	private function account_html( array $wanted ): string {
		if ( ! Access::sees_site_account( wp_get_current_user() ) ) {
			return '';
		}
		wp_enqueue_style( 'token-bridge-account', plugins_url( 'assets/account.css', TOKEN_BRIDGE_FILE ), [], TOKEN_BRIDGE_VERSION );
		return $this->fragment_html( $this->connection->site_account(), $wanted + [ 'lang' => $this->language() ] );
	}

	/**
	 * @param array<string, string> $parameters Parameters of the widget.
	 */
	private function fragment_html( string $person, array $parameters ): string {
		$found = $this->source->find( $person, $parameters );
		if ( null === $found ) {
			return $this->line_html( __( 'Your tokens cannot be shown at the moment. Reload the page in a minute.', 'token-bridge' ) );
		}
		return $found->html . ( $found->is_old ? $this->age_html( $found->at ) : '' );
	}

	/**
	 * @return array<string, string>
	 */
	private function about( WP_User $user ): array {
		return array_filter(
			[
				'user_id'     => (string) $user->ID,
				'roles'       => implode( ',', $user->roles ),
				'lang'        => $this->language(),
				'account_url' => $this->account_path(),
			],
			'strlen'
		);
	}

	/**
	 * @return array<string, string>
	 */
	private function about_guest(): array {
		return [
			'guest_id'   => Guest::known(),
			'lang'       => $this->language(),
			'signin_url' => wp_make_link_relative( wp_login_url( $this->here() ) ),
		];
	}

	private function language(): string {
		return str_replace( '_', '-', determine_locale() );
	}

	/**
	 * Returns the path of "My account → Tokens", which leads to all purchases; empty without WooCommerce.
	 */
	private function account_path(): string {
		return function_exists( 'wc_get_account_endpoint_url' ) ? wp_make_link_relative( wc_get_account_endpoint_url( MyAccountTab::ENDPOINT ) ) : '';
	}

	private function here(): string {
		return is_singular() ? (string) get_permalink() : home_url( '/' );
	}

	private function sign_in_line_html(): string {
		$link_html = '<a href="' . esc_url( wp_login_url( $this->here() ) ) . '">' . esc_html__( 'Sign in', 'token-bridge' ) . '</a>';
		/* translators: %s: link "Sign in" */
		return '<p class="token-bridge-signed-out">' . sprintf( esc_html__( '%s to see your tokens.', 'token-bridge' ), $link_html ) . '</p>';
	}

	private function without_store_html(): string {
		if ( ! current_user_can( 'manage_options' ) ) {
			return '';
		}
		return $this->line_html( __( 'Only admins see this: the widget needs a site that is connected as a store. Open Token Bridge → Connect.', 'token-bridge' ) );
	}

	private function age_html( int $at ): string {
		/* translators: %s: time of day, or date and time */
		$sentence = __( 'As of %s. Newer numbers are not available at the moment.', 'token-bridge' );
		$format   = wp_date( 'Y-m-d', $at ) === wp_date( 'Y-m-d' ) ? get_option( 'time_format' ) : get_option( 'date_format' ) . ' ' . get_option( 'time_format' );
		return $this->line_html( sprintf( $sentence, (string) wp_date( $format, $at ) ) );
	}

	private function line_html( string $sentence ): string {
		return '<p class="token-bridge-line">' . esc_html( $sentence ) . '</p>';
	}
}
