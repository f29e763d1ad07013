<?php
/**
 * Free limits by role and module.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Ai;

use TokenBridge\Bridge\Request;
use TokenBridge\Bridge\Transport;
use TokenBridge\Connection\Sentences;

defined( 'ABSPATH' ) || exit;

/**
 * Prints what each role of this site may use for free, by module. Changes are made in the console.
 */
final class LimitsTable {

	private const MAX_LIMITS = 50;

	/** @var Transport */
	private $transport;

	public function __construct( Transport $transport ) {
		$this->transport = $transport;
	}

	public function render(): void {
		$answer = $this->transport->send( Request::get( '/v1/limits', [ 'limit' => self::MAX_LIMITS ] ) );
		echo '<h2>' . esc_html__( 'Free use by role', 'token-bridge' ) . '</h2>';
		if ( ! $answer->is_ok() ) {
			echo '<p>' . esc_html( Sentences::about( $answer ) ) . '</p>';
			return;
		}
		$limits = array_filter( (array) ( $answer->document()['items'] ?? [] ), 'is_array' );
		if ( ! $limits ) {
			echo '<p>' . esc_html__( 'No module has free use; tokens pay for everything. Limits are set in the console.', 'token-bridge' ) . '</p>';
			return;
		}
		$this->table( $limits );
	}

	/**
	 * @param array<int, array<string, mixed>> $limits The limits of the store.
	 */
	private function table( array $limits ): void {
		echo '<table class="widefat striped token-bridge-limits"><thead><tr><th scope="col">' . esc_html__( 'Role', 'token-bridge' ) . '</th>';
		foreach ( $limits as $limit ) {
			echo '<th scope="col">' . esc_html( (string) ( $limit['module'] ?? '' ) . ' (' . (string) ( $limit['period'] ?? '' ) . ')' ) . '</th>';
		}
		echo '</tr></thead><tbody>';
		foreach ( $this->audiences() as $audience => $label ) {
			$this->row( $audience, $label, $limits );
		}
		echo '</tbody></table>';
	}

	/**
	 * @param array<int, array<string, mixed>> $limits The limits of the store.
	 */
	private function row( string $audience, string $label, array $limits ): void {
		echo '<tr><th scope="row">' . esc_html( $label ) . '</th>';
		foreach ( $limits as $limit ) {
			$rules = (array) ( $limit['rules'] ?? [] );
			// A role without a rule has that of all users; guests have only their own.
			$value = $rules[ $audience ] ?? ( 'guest' === $audience ? null : ( $rules['user'] ?? null ) );
			echo '<td class="token-bridge-number">' . esc_html( $this->shown( $value ) ) . '</td>';
		}
		echo '</tr>';
	}

	/**
	 * @return array<string, string> Names by audience.
	 */
	private function audiences(): array {
		$found = [
			'guest' => __( 'Visitors without an account', 'token-bridge' ),
			'user'  => __( 'All users', 'token-bridge' ),
		];
		foreach ( wp_roles()->get_names() as $role => $name ) {
			$found[ 'role:' . $role ] = translate_user_role( $name );
		}
		return $found;
	}

	/**
	 * @param mixed $value The rule: a number, `unlimited`, `disabled` or null.
	 */
	private function shown( $value ): string {
		if ( 'unlimited' === $value ) {
			return __( 'unlimited', 'token-bridge' );
		}
		if ( 'disabled' === $value ) {
			return __( 'off', 'token-bridge' );
		}
		return is_numeric( $value ) ? number_format_i18n( (int) $value ) : '–';
	}
}
